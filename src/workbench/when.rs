//! Moments in words, by the clock of the user.

use crate::tf;
use crate::words::t;
use dicom_core::chrono::{DateTime, Local, SecondsFormat};
use std::time::{Duration, SystemTime};

/// Date and time to the minute where the user is: 2026-11-29 14:05.
pub fn local_time(at: SystemTime) -> String {
    DateTime::<Local>::from(at).format("%Y-%m-%d %H:%M").to_string()
}

/// The time of a moment of today, date and time of an earlier one.
pub fn short_time(at: SystemTime) -> String {
    let (at, now) = (DateTime::<Local>::from(at), Local::now());
    let format = if at.date_naive() == now.date_naive() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" };
    at.format(format).to_string()
}

/// For programs: 2026-11-29T14:05:09.123+01:00.
pub fn exact_time(at: SystemTime) -> String {
    DateTime::<Local>::from(at).to_rfc3339_opts(SecondsFormat::Millis, false)
}

/// How long ago a moment was, in one unit.
pub fn time_ago(at: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(at).unwrap_or(Duration::ZERO).as_secs();
    match seconds {
        0..60 => t("just now").to_owned(),
        60..120 => tf!("{n} minute ago", n = 1),
        120..3600 => tf!("{n} minutes ago", n = seconds / 60),
        3600..7200 => tf!("{n} hour ago", n = 1),
        7200..86_400 => tf!("{n} hours ago", n = seconds / 3600),
        86_400..172_800 => tf!("{n} day ago", n = 1),
        _ => tf!("{n} days ago", n = seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_in_one_unit_and_a_clock_that_went_back_confuses_nobody() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
        let before = |seconds: u64| time_ago(now - Duration::from_secs(seconds), now);
        assert_eq!([before(0), before(59)], ["just now", "just now"]);
        assert_eq!([before(60), before(119), before(7200)], ["1 minute ago", "1 minute ago", "2 hours ago"]);
        assert_eq!([before(86_400), before(200_000)], ["1 day ago", "2 days ago"]);
        assert_eq!(time_ago(now + Duration::from_secs(5), now), "just now");
        assert_eq!(local_time(now).len(), "2026-11-29 14:05".len());
    }
}
