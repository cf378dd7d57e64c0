//! Bodies and intents from arbitrary bytes: nothing panics, and what is accepted means one thing.
//!
//! Every target runs for a second or two as an ordinary test; `BOLERO_RANDOM_TEST_TIME_MS` gives it longer.

#[cfg(test)]
mod tests {
    use countersign_intent::json::{Limits, parse_closed};
    use countersign_intent::{Intent, Mapping, Party, Pointer, RawBatchMapping, RawMapping, extract};
    use std::time::Duration;

    const TIME: Duration = Duration::from_millis(1500);

    /// Pieces of bodies, so that random input gets past the first characters.
    const PIECES: [&str; 36] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\":\"12.50\"",
        "\"a\":\"1\"",
        "\"a\":12.50",
        "\"c\":\"EUR\"",
        "\"c\":\"JPY\"",
        "\"p\":\"DE89370400440532013000\"",
        "\"p\":\"merchant:1\"",
        "\"p\":{\"i\":\"x\"}",
        "\"n\":\"Cafe\u{301}\"",
        "\"n\":\"\\u202e\"",
        "\"n\":\"\\ud83d\\ude00\"",
        "\"n\":\"\\ud83d\"",
        "\"d\":\"gb82 west 1234 5698 7654 32\"",
        "\"r\":\"\"",
        "\"x\":",
        "\"o\":{\"any\":[1,2]}",
        "\"o\":1e400",
        "\"l\":[",
        "{\"a\":\"12.50\",\"p\":\"merchant:1\"}",
        "{\"a\":\"1.00\",\"p\":\"merchant:2\",\"n\":\"Anna\"}",
        "\"\\u0061\":\"12.50\"",
        "null",
        "-0",
        "9007199254740993",
        " ",
        "\n",
        ",",
        ",",
        "\"",
        "\\",
    ];

    fn raw() -> RawMapping {
        RawMapping {
            r#type: "payment".into(),
            amount: "/a".into(),
            currency: "/c".into(),
            also: vec!["/o".into()],
            ..RawMapping::default()
        }
    }

    fn mappings() -> [Mapping; 2] {
        let pointer = |text: &str| Some(text.to_owned());
        let single = RawMapping {
            payee: pointer("/p"),
            payee_name: pointer("/n"),
            debtor: pointer("/d"),
            reference: pointer("/r"),
            ..raw()
        };
        let list = RawBatchMapping {
            list: "/l".into(),
            amount: "/a".into(),
            payee: "/p".into(),
            payee_name: pointer("/n"),
            reference: None,
        };
        let batch = RawMapping {
            batch: Some(list),
            ..raw()
        };
        [single, batch].map(|raw| Mapping::check(&raw).unwrap())
    }

    fn assembled(choices: &[u8]) -> String {
        let inner: String = choices
            .iter()
            .map(|choice| PIECES[usize::from(*choice) % PIECES.len()])
            .collect();
        // Every second input is at least an object.
        if choices.len().is_multiple_of(2) {
            format!("{{{inner}}}")
        } else {
            inner
        }
    }

    const BODIES: [&str; 2] = [
        r#"{"a":"12.50","c":"EUR","p":"DE89370400440532013000","n":"Anna","d":"merchant:1","r":"Invoice","o":{"x":[1]}}"#,
        r#"{"a":"3.00","c":"EUR","l":[{"a":"1.00","p":"merchant:1"},{"a":"2.00","p":"merchant:2","n":"Anna"}],"o":null}"#,
    ];

    const INTENT: &str = r#"{"type":"payment","amount":"12.50","currency":"EUR","payee":"merchant:4711","reference":"Invoice 1"}"#;

    /// A good body in which some places were changed: by two bytes each, the place and what to put there.
    fn mutated(good: &str, input: &[u8]) -> Vec<u8> {
        let mut body = good.as_bytes().to_vec();
        for edit in input.chunks_exact(2).take(4) {
            let place = usize::from(edit[0]) % body.len();
            let piece = PIECES[usize::from(edit[1]) % PIECES.len()];
            match edit[1] {
                0..100 => body[place] = edit[1] ^ 0x5a,
                100..200 => drop(body.splice(place..place, piece.bytes())),
                _ => drop(body.remove(place)),
            }
        }
        body
    }

    #[test]
    fn good_bodies_are_accepted_before_they_are_changed() {
        let mappings = mappings();
        for (body, mapping) in BODIES.iter().zip(&mappings) {
            assert!(extract(mutated(body, &[]).as_slice(), mapping, &Limits::default()).is_ok());
        }
    }

    /// What holds for every body: an accepted one gives the same intent again, and its intent is in normal form.
    fn assert_sound(body: &[u8], mappings: &[Mapping]) {
        for mapping in mappings {
            let Ok(intent) = extract(body, mapping, &Limits::default()) else {
                continue;
            };
            let again = extract(body, mapping, &Limits::default()).unwrap();
            assert_eq!(again.digest(), intent.digest());
            assert_eq!(Intent::parse(intent.canonical()).unwrap(), intent);
            assert!(intent.amount_minor() > 0);
        }
    }

    #[test]
    fn bodies_never_panic_and_mean_one_thing() {
        let mappings = mappings();
        bolero::check!().with_test_time(TIME).for_each(|input: &[u8]| {
            assert_sound(input, &mappings);
            assert_sound(assembled(input).as_bytes(), &mappings);
            BODIES
                .iter()
                .for_each(|body| assert_sound(&mutated(body, input), &mappings));
        });
    }

    #[test]
    fn closed_json_reads_back_the_same() {
        bolero::check!().with_test_time(TIME).for_each(|input: &[u8]| {
            for text in [
                input.to_vec(),
                assembled(input).into_bytes(),
                mutated(BODIES[1], input),
            ] {
                let Ok(value) = parse_closed(&text, &Limits::default()) else {
                    continue;
                };
                let canonical = countersign_intent::canonical::to_vec(&value).unwrap();
                let wide = Limits {
                    max_bytes: usize::MAX,
                    ..Limits::default()
                };
                let again = parse_closed(&canonical, &wide).unwrap();
                assert_eq!(countersign_intent::canonical::to_vec(&again).unwrap(), canonical);
            }
        });
    }

    #[test]
    fn intents_parties_and_pointers_never_panic_and_read_back_the_same() {
        bolero::check!().with_test_time(TIME).for_each(|input: &[u8]| {
            for bytes in [input.to_vec(), mutated(INTENT, input)] {
                let Ok(intent) = Intent::parse(&bytes) else {
                    continue;
                };
                assert_eq!(
                    Intent::parse(intent.canonical()).unwrap().digest(),
                    intent.digest()
                );
            }
            let Ok(text) = std::str::from_utf8(input) else {
                return;
            };
            if let Ok(party) = Party::parse(text) {
                assert_eq!(Party::parse(&party.to_string()), Ok(party));
            }
            if let Ok(pointer) = Pointer::parse(text) {
                assert_eq!(pointer.to_string(), text);
            }
        });
    }
}
