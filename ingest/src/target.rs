//! Which tables a topic feeds, and a small array indexed by table.

use nonsite_schemas::tables::{self, TableDef};

use crate::config::Content;

/// A table that is fed from Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Target {
    ReadingsRaw,
    DeviceStates,
    Quarantine,
    Permits,
    PermitOutlets,
    PermitLimits,
    PermitMassLimits,
    PermitBindings,
    PermitPeriods,
    Inspections,
    Marks,
    EquipmentFilings,
    MaintenanceTickets,
    ControlWindows,
    ExecutionReports,
    ExecutionReportItems,
    ManualResults,
    MnBindings,
    ProcessPoints,
}

impl Target {
    pub(crate) const ALL: [Self; 19] = [
        Self::ReadingsRaw,
        Self::DeviceStates,
        Self::Quarantine,
        Self::Permits,
        Self::PermitOutlets,
        Self::PermitLimits,
        Self::PermitMassLimits,
        Self::PermitBindings,
        Self::PermitPeriods,
        Self::Inspections,
        Self::Marks,
        Self::EquipmentFilings,
        Self::MaintenanceTickets,
        Self::ControlWindows,
        Self::ExecutionReports,
        Self::ExecutionReportItems,
        Self::ManualResults,
        Self::MnBindings,
        Self::ProcessPoints,
    ];

    /// The tables that messages of `content` become rows of.
    pub(crate) const fn of(content: Content) -> &'static [Self] {
        match content {
            Content::Readings => &[Self::ReadingsRaw, Self::DeviceStates, Self::Quarantine],
            Content::Permits => &[
                Self::Permits,
                Self::PermitOutlets,
                Self::PermitLimits,
                Self::PermitMassLimits,
                Self::PermitBindings,
                Self::PermitPeriods,
                Self::Quarantine,
            ],
            Content::Inspections => &[Self::Inspections, Self::Quarantine],
            Content::Documents => &[
                Self::Marks,
                Self::EquipmentFilings,
                Self::MaintenanceTickets,
                Self::ControlWindows,
                Self::ExecutionReports,
                Self::ExecutionReportItems,
                Self::ManualResults,
                Self::MnBindings,
                Self::ProcessPoints,
                Self::Quarantine,
            ],
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ReadingsRaw => "readings_raw",
            Self::DeviceStates => "device_states",
            Self::Quarantine => "quarantine",
            Self::Permits => "permits",
            Self::PermitOutlets => "permit_outlets",
            Self::PermitLimits => "permit_limits",
            Self::PermitMassLimits => "permit_mass_limits",
            Self::PermitBindings => "permit_bindings",
            Self::PermitPeriods => "permit_periods",
            Self::Inspections => "inspections",
            Self::Marks => "marks",
            Self::EquipmentFilings => "equipment_filings",
            Self::MaintenanceTickets => "maintenance_tickets",
            Self::ControlWindows => "control_windows",
            Self::ExecutionReports => "execution_reports",
            Self::ExecutionReportItems => "execution_report_items",
            Self::ManualResults => "manual_results",
            Self::MnBindings => "mn_bindings",
            Self::ProcessPoints => "process_points",
        }
    }

    pub(crate) fn def(self) -> TableDef {
        match self {
            Self::ReadingsRaw => tables::readings_raw(),
            Self::DeviceStates => tables::device_states(),
            Self::Quarantine => tables::quarantine(),
            Self::Permits => tables::permits(),
            Self::PermitOutlets => tables::permit_outlets(),
            Self::PermitLimits => tables::permit_limits(),
            Self::PermitMassLimits => tables::permit_mass_limits(),
            Self::PermitBindings => tables::permit_bindings(),
            Self::PermitPeriods => tables::permit_periods(),
            Self::Inspections => tables::inspections(),
            Self::Marks => tables::marks(),
            Self::EquipmentFilings => tables::equipment_filings(),
            Self::MaintenanceTickets => tables::maintenance_tickets(),
            Self::ControlWindows => tables::control_windows(),
            Self::ExecutionReports => tables::execution_reports(),
            Self::ExecutionReportItems => tables::execution_report_items(),
            Self::ManualResults => tables::manual_results(),
            Self::MnBindings => tables::mn_bindings(),
            Self::ProcessPoints => tables::process_points(),
        }
    }
}

/// One value per table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PerTable<T>(pub(crate) [T; Target::ALL.len()]);

impl<T: Copy> PerTable<T> {
    pub(crate) const fn all(value: T) -> Self {
        Self([value; Target::ALL.len()])
    }
}

impl<T> std::ops::Index<Target> for PerTable<T> {
    type Output = T;

    fn index(&self, target: Target) -> &T {
        &self.0[target.index()]
    }
}

impl<T> std::ops::IndexMut<Target> for PerTable<T> {
    fn index_mut(&mut self, target: Target) -> &mut T {
        &mut self.0[target.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_positions_agree() {
        for (index, target) in Target::ALL.into_iter().enumerate() {
            assert_eq!(target.index(), index);
            assert_eq!(target.def().name, target.name());
            assert_eq!(Target::by_name(target.name()), Some(target));
        }
    }
}
