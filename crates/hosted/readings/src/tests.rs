use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::*;

#[test]
fn every_question_has_a_name_of_its_own() {
    let ids: BTreeSet<_> = all().map(|about| about.id).collect();
    assert_eq!(ids.len(), all().count());
    for about in all() {
        let names: BTreeSet<_> = about.readings().map(|reading| reading.name).collect();
        assert_eq!(names.len(), about.readings().count(), "{}", about.id);
        for name in names.iter().chain([&about.id]) {
            let plain = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
            assert!(plain && !name.is_empty(), "{name}");
        }
        assert!(!about.question.is_empty() && !about.why.is_empty(), "{}", about.id);
    }
}

/// What the profile `windows` has that the strict default has not is what somebody says of Windows.
#[test]
fn windows_differs_where_there_is_evidence_only() {
    for about in all() {
        for evidence in about.evidence {
            let known = |name| about.readings().any(|reading| reading.name == name);
            assert!(evidence.supports.is_none_or(known), "{}: {:?}", about.id, evidence);
        }
        let windows = about.followed[about.windows].name;
        let supported = about.evidence.iter().any(|evidence| evidence.supports == Some(windows));
        assert!(about.windows == about.strict || supported, "{}: nothing supports {windows}", about.id);
        let strongest = about.evidence.iter().filter(|evidence| evidence.supports.is_some());
        let strongest = strongest.min_by_key(|evidence| evidence.strength);
        if let Some(Evidence { supports: Some(name), strength, source }) = strongest
            && *strength != Strength::UserMode
            && about.followed.iter().any(|reading| reading.name == *name)
        {
            assert_eq!(windows, *name, "{}: {source}", about.id);
        }
    }
}

/// What somebody says of Windows can be followed, or the question says why not.
#[test]
fn what_is_said_of_windows_is_followed() {
    for about in all() {
        let supported =
            about.evidence.iter().filter_map(|evidence| Some((evidence.strength, evidence.supports?)));
        let strongest = supported.min_by_key(|(strength, _)| *strength).map(|(_, name)| name);
        let unfollowed = about.others.iter().any(|reading| strongest == Some(reading.name));
        assert_eq!(about.unfollowed.is_some(), unfollowed, "{}", about.id);
    }
}

#[test]
fn the_parts_are_in_the_order_of_the_page() {
    for part in QUESTIONS {
        assert!(part.iter().all(|about| about.part == part[0].part));
    }
    let order: Vec<_> = QUESTIONS.iter().map(|part| part[0].part as usize).collect();
    // Each once: a part is one table of the page.
    assert!(order.is_sorted_by(|one, next| one < next));
}

#[test]
fn readings_have_a_text() {
    for text in ["strict", "windows", "seed:18446744073709551615", "windows,receive-truncated=overflow"] {
        assert_eq!(text.parse::<Readings>().unwrap().to_string(), text);
    }
    for (text, error) in [
        ("", "expected strict, windows or seed:N"),
        ("seed:", "expected strict"),
        ("seed:-1", "expected strict"),
        ("strict,", "expected QUESTION=READING"),
        ("strict,none=x", "no question `none`"),
        ("strict,receive-truncated=refused", "expected success or overflow"),
    ] {
        let message = text.parse::<Readings>().unwrap_err().to_string();
        assert!(message.contains(error), "{text}: {message}");
    }
    let twice = "strict,receive-truncated=overflow,receive-truncated=success".parse::<Readings>().unwrap();
    assert_eq!(twice.to_string(), "strict,receive-truncated=success");
}

#[test]
fn a_seed_takes_every_reading_of_a_question_sooner_or_later() {
    for about in all() {
        let taken: BTreeSet<_> = (0..200).map(|seed| Readings::seed(seed).number(about)).collect();
        assert_eq!(taken.len(), about.followed.len(), "{}", about.id);
    }
}

#[test]
fn a_base_is_what_the_questions_say() {
    for about in all() {
        assert_eq!(Readings::default().number(about), about.strict);
        assert_eq!(Readings::WINDOWS.number(about), about.windows);
        for (number, reading) in about.followed.iter().enumerate() {
            let single: Readings = format!("windows,{}={}", about.id, reading.name).parse().unwrap();
            assert_eq!(single.number(about), number);
        }
    }
}
