//! The closed lists of an inspection record: each value has one text, in messages and in tables.

use crate::wire::permit::codes;

codes! {
    /// How an act was carried out.
    Mode {
        /// Without entering the premises.
        Offsite = "offsite",
        /// Officers entered the premises.
        Onsite = "onsite",
    }
}

codes! {
    /// By what means an act was carried out.
    Method {
        /// Review of automatic monitoring data.
        AutoMonitor = "auto_monitor",
        /// Power-use monitoring.
        Power = "power",
        /// Video patrol.
        Video = "video",
        /// Unmanned aircraft.
        Uav = "uav",
        /// Remote sensing.
        RemoteSensing = "remote_sensing",
        /// Review of documents or permit execution reports.
        Documents = "documents",
        /// Online review of rectification.
        RectificationReview = "rectification_review",
        /// Visit of the premises.
        SiteVisit = "site_visit",
        /// Anything else.
        Other = "other",
    }
}

codes! {
    /// Class of an administrative inspection.
    Class {
        /// Unspecified targets, by the annual plan.
        Daily = "daily",
        /// Campaign, approved and published.
        Special = "special",
        /// Triggered by complaint, transfer, abnormal data or an off-site clue.
        Case = "case",
    }
}

codes! {
    /// Where an act stands.
    ActStatus {
        /// Planned.
        Planned = "planned",
        /// Approved.
        Approved = "approved",
        /// Being carried out.
        Running = "running",
        /// Carried out, record not closed yet.
        Completed = "completed",
        /// Record closed.
        Closed = "closed",
        /// Withdrawn.
        Withdrawn = "withdrawn",
    }
}

codes! {
    /// Level of an enforcement body.
    OrgLevel {
        /// Sub-bureau of the city bureau in a county.
        SubBureau = "sub_bureau",
        /// County brigade.
        County = "county",
        /// City detachment.
        City = "city",
        /// Provincial body.
        Province = "province",
        /// Ministry.
        Ministry = "ministry",
    }
}

codes! {
    /// What an act ended with.
    Conclusion {
        /// No problem was found.
        NoProblem = "no_problem",
        /// A clue was handed to the enterprise.
        ClueToEnterprise = "clue_to_enterprise",
        /// The check goes on on-site.
        ConvertToOnsite = "convert_to_onsite",
        /// A case is filed.
        FileCase = "file_case",
    }
}

codes! {
    /// Answer to a checklist item.
    AnswerCode {
        /// The requirement is met.
        Pass = "pass",
        /// The requirement is not met.
        Fail = "fail",
        /// The requirement does not apply.
        NotApplicable = "not_applicable",
    }
}
