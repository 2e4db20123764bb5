//! The demo: every claim holds, for a person and for a program, however WSK completes.
#![forbid(unsafe_code)]
#![cfg(feature = "hosted")]

use std::net::UdpSocket;

use crate::program::{exit_code, json, stderr, stdout, wskctl};

#[test]
fn every_claim_holds_and_is_printed() {
    let run = wskctl(&["demo", "--device", "hosted"]);
    assert_eq!(exit_code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let text = stdout(&run);
    assert!(text.contains("SO_EXCLUSIVEADDRUSE") && text.contains("SIO_WSK_SET_REMOTE_ADDRESS"), "{text}");
    assert!(text.contains("completion routine: STATUS_MORE_PROCESSING_REQUIRED"), "{text}");
    assert!(text.contains("seen by std::net"), "{text}");
    assert!(!text.contains('✗'), "{text}");
    assert!(text.contains("claims held, 0 failed"), "{text}");
}

#[test]
fn the_report_is_the_same_story_in_every_completion_mode() {
    let ipv6 = UdpSocket::bind("[::1]:0").is_ok();
    for completion in ["inline", "deferred", "delayed:1", "delayed:2"] {
        let run = wskctl(&["demo", "--device", "hosted", "--json", "--completion", completion]);
        assert_eq!(exit_code(&run), 0, "{completion}: {}", stdout(&run));
        let report = json(&run);
        let sections = report["sections"].as_array().unwrap();
        assert_eq!(sections.len(), 6);
        let claims: Vec<_> =
            sections.iter().flat_map(|section| section["claims"].as_array().unwrap()).collect();
        let count = |outcome: &str| claims.iter().filter(|claim| claim["outcome"] == outcome).count();
        assert_eq!(report["held"], count("held"));
        assert_eq!((count("failed"), count("skipped")), (0, usize::from(!ipv6)));
        assert!(claims.iter().filter(|claim| claim["seen_by"].is_string()).count() >= 8, "{claims:?}");
        for section in sections {
            assert!(!section["claims"].as_array().unwrap().is_empty(), "{section}");
        }
        let irps = sections[4]["irps"].as_array().unwrap();
        assert!(!irps.is_empty());
        for irp in irps {
            let moments = irp["moments"].as_array().unwrap();
            assert!(moments.len() >= 5, "{irp}");
            assert!(moments[0]["allocated"].is_object(), "{irp}");
            assert!(moments.iter().all(|moment| moment["irql"].is_u64()), "{irp}");
        }
    }
}
