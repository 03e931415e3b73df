//! One row of the audit chain on one line of a terminal.

use nonsite_analytics::review::{Event, beijing_text};

/// When, what, by whom, from where to where, with which papers.
pub(super) fn timeline(event: &Event) -> String {
    let mut text = format!("{:>5}  {}", event.seq, beijing_text(event.at));
    if event.effective_at < event.at {
        text.push_str(&format!(
            " (effective {})",
            beijing_text(event.effective_at)
        ));
    }
    text.push_str(&format!(
        "  {} by {} ({})",
        event.action, event.actor, event.role
    ));
    match &event.from_state {
        Some(from) if *from != event.to_state => {
            text.push_str(&format!(": {from} -> {}", event.to_state));
        }
        Some(_) => {}
        None => text.push_str(&format!(": {}", event.to_state)),
    }
    let mut papers: Vec<String> = event
        .fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    papers.extend(event.note.iter().map(|note| format!("note={note}")));
    papers.extend(event.attachments.iter().map(|file| {
        format!(
            "{} ({})",
            file.name,
            file.sha256.get(..12).unwrap_or(&file.sha256)
        )
    }));
    if !papers.is_empty() {
        text.push_str(&format!("  [{}]", papers.join("; ")));
    }
    text
}
