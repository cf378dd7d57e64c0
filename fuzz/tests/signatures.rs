//! Signature fields, digest fields and signature bases from arbitrary bytes.
//!
//! Every target runs for a second or two as an ordinary test; `BOLERO_RANDOM_TEST_TIME_MS` gives it longer.

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use countersign_jose::{KeyKind, PrivateKey, PublicKey};
    use countersign_signatures::digest::{DigestField, Preferences, verify_content_digest};
    use countersign_signatures::{
        Algorithm, Component, Entry, Members, Request, Response, SIGNATURE, SIGNATURE_INPUT, Signatures,
        signature_base,
    };
    use http::{HeaderMap, HeaderValue};

    const TIME: Duration = Duration::from_millis(1500);
    const MAX_BYTES: usize = 512;

    /// Splits the input into parts at zero bytes, which no field value can hold.
    fn parts(input: &[u8]) -> impl Iterator<Item = &[u8]> {
        input.split(|byte| *byte == 0)
    }

    fn request(headers: &HeaderMap) -> Request<'_> {
        Request {
            method: "POST",
            scheme: "https",
            authority: "bank.example",
            path: "/payments",
            query: Some("a=1&b=2"),
            headers,
            trailers: None,
        }
    }

    fn fields_of(members: &Members) -> HeaderMap {
        let mut headers = HeaderMap::new();
        members.append_to(&mut headers).unwrap();
        headers
    }

    /// What one entry says, for comparing.
    fn meaning<'e>(entry: &'e Entry<'_>) -> (Vec<String>, &'e str, &'e [u8]) {
        let components = entry.components().iter().map(Component::identifier).collect();
        (components, entry.raw_parameters(), entry.signature())
    }

    /// One line for every component and one for the parameters: no value brought a line of its own.
    fn assert_lines(base: &str, components: usize) {
        assert_eq!(base.split('\n').count(), components + 1);
        assert!(base.is_ascii() && !base.contains('\r'));
        assert!(base.split('\n').all(|line| line.starts_with('"')));
        assert!(
            base.split('\n')
                .next_back()
                .unwrap()
                .starts_with("\"@signature-params\": (")
        );
    }

    /// Pieces of the grammar, so that random input gets past the first characters.
    const PIECES: [&str; 40] = [
        "\"@method\"",
        "\"@path\"",
        "\"@query\"",
        "\"@authority\"",
        "\"@target-uri\"",
        "\"@query-param\"",
        "\"@status\"",
        "\"x\"",
        "\"signature\"",
        "\"signature-input\"",
        "\"X\"",
        "\"@signature-params\"",
        "\"\"",
        " ",
        " ",
        " ",
        " ",
        "(",
        ")",
        ";sf",
        ";bs",
        ";tr",
        ";req",
        ";key=\"a\"",
        ";key=\"b\"",
        ";name=\"a\"",
        ";name=\"%\\\"\"",
        ";zz",
        ")",
        ";created=1",
        ";created=-0",
        ";expires=007",
        ";nonce=\"n\\\\\"",
        ";keyid=\"k\"",
        ";tag=\"t\"",
        ";alg=\"ed25519\"",
        ";alg=\"hmac-sha256\"",
        ", b=(",
        ";created",
        ";tag=t",
    ];

    /// What holds for every message with these fields: a forged signature does not verify, and what was read is written
    /// and read again without a change.
    fn assert_sound(headers: &HeaderMap, key: &PublicKey) {
        let Ok(signatures) = Signatures::parse(headers) else {
            return;
        };
        for entry in &signatures {
            assert!(entry.verify(&request(headers), key, Algorithm::Ed25519).is_err());
            let Ok(members) = entry.renamed("again") else {
                continue;
            };
            let written = fields_of(&members);
            let read = Signatures::parse(&written).unwrap();
            let again = read.by_label("again").unwrap();
            assert_eq!(meaning(entry), meaning(again));
            assert_eq!(again.renamed("again").unwrap(), members);
            if let Ok(base) = entry.base(&request(headers)) {
                assert_lines(&base, entry.components().len());
            }
        }
    }

    #[test]
    fn signature_fields_never_panic_and_read_back_the_same() {
        let key = PrivateKey::generate(KeyKind::Ed25519).unwrap().key;
        bolero::check!()
            .with_test_time(TIME)
            .with_max_len(MAX_BYTES)
            .for_each(|input: &[u8]| {
                let mut headers = HeaderMap::new();
                for (index, part) in parts(input).enumerate() {
                    let Ok(value) = HeaderValue::from_bytes(part) else {
                        return;
                    };
                    headers.append(
                        if index % 2 == 0 {
                            SIGNATURE_INPUT
                        } else {
                            SIGNATURE
                        },
                        value,
                    );
                }
                assert_sound(&headers, key.public_key());
            });
    }

    #[test]
    fn almost_valid_signature_fields_read_back_the_same() {
        let key = PrivateKey::generate(KeyKind::Ed25519).unwrap().key;
        bolero::check!()
            .with_test_time(TIME)
            .with_max_len(24)
            .for_each(|input: &[u8]| {
                let piece = |byte: &u8| PIECES[usize::from(*byte) % PIECES.len()];
                let mut text = String::from("a=(");
                text.extend(input.iter().map(piece));
                let both = text.contains("b=(");
                let signature = if both { "a=:AA==:, b=:AAAA:" } else { "a=:AA==:" };
                let mut headers = HeaderMap::new();
                headers.append(SIGNATURE_INPUT, HeaderValue::from_str(&text).unwrap());
                headers.append(SIGNATURE, HeaderValue::from_static(signature));
                headers.append("x", HeaderValue::from_static("a=1, b=(2 3)"));
                assert_sound(&headers, key.public_key());
            });
    }

    #[test]
    fn no_part_of_a_message_adds_a_line_to_the_base() {
        bolero::check!()
            .with_test_time(TIME)
            .with_max_len(MAX_BYTES)
            .for_each(|input: &[u8]| {
                let texts: Vec<_> = parts(input).map(String::from_utf8_lossy).collect();
                let part = |index: usize| texts.get(index).map_or("", |text| text.as_ref());
                let mut headers = HeaderMap::new();
                if let Ok(value) = HeaderValue::from_bytes(part(5).as_bytes()) {
                    headers.append("content-digest", value);
                }
                let request = Request {
                    method: part(0),
                    scheme: part(1),
                    authority: part(2),
                    path: part(3),
                    query: Some(part(4)),
                    headers: &headers,
                    trailers: Some(&headers),
                };
                let response = Response {
                    status: 200,
                    headers: &headers,
                    trailers: None,
                    request: Some(&request),
                };
                for component in [
                    Component::derived("@method"),
                    Component::derived("@target-uri"),
                    Component::derived("@request-target"),
                    Component::query_param(part(6)),
                    Component::field("content-digest"),
                    Component::field("content-digest").sf(),
                    Component::field("content-digest").bs(),
                    Component::field("content-digest").tr(),
                    Component::field("content-digest").key(part(6)),
                    Component::field(part(6)),
                    Component::derived(part(6)),
                ] {
                    let of_request = signature_base(std::slice::from_ref(&component), part(7), &request);
                    let of_response = signature_base(&[component.req()], part(7), &response);
                    for base in [of_request, of_response].into_iter().flatten() {
                        assert_lines(&base, 1);
                    }
                }
            });
    }

    #[test]
    fn digest_fields_never_panic() {
        bolero::check!()
            .with_test_time(TIME)
            .with_max_len(MAX_BYTES)
            .for_each(|input: &[u8]| {
                let mut headers = HeaderMap::new();
                for part in parts(input) {
                    let Ok(value) = HeaderValue::from_bytes(part) else {
                        return;
                    };
                    headers.append("content-digest", value.clone());
                    headers.append("want-content-digest", value);
                }
                // Both digests of one input would have to be the input's own: nothing random matches.
                assert!(verify_content_digest(&headers, b"not the content").is_err());
                let _ = Preferences::parse(&headers, DigestField::Content);
            });
    }
}
