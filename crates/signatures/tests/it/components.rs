//! Components that must not be accepted, each by the name of its error. SIG-02 to SIG-06, SIG-16.

use countersign_signatures::{BaseFault, Component, Response, signature_base};
use http::{HeaderMap, HeaderValue};

use crate::support::{OwnedRequest, payment};

fn base_fault(request: &OwnedRequest, component: Component<'_>) -> BaseFault {
    signature_base(&[component], ";created=1", &request.get())
        .unwrap_err()
        .reason
}

/// SIG-02, SIG-04, SIG-06
#[test]
fn components_that_make_no_sense_are_refused_by_name() {
    let request = payment();
    let fault = |component: Component<'_>| base_fault(&request, component);
    assert_eq!(fault(Component::derived("@body")), BaseFault::UnknownDerived);
    assert_eq!(fault(Component::derived("@")), BaseFault::UnknownDerived);
    assert_eq!(fault(Component::derived("@METHOD")), BaseFault::UnknownDerived);
    assert_eq!(
        fault(Component::derived("@signature-params")),
        BaseFault::SignatureParamsListed
    );
    assert_eq!(
        fault(Component::field("Content-Type")),
        BaseFault::NameNotLowerCase
    );
    for name in ["", "content type", "x:y", "x\"y", "x\ny", "ü"] {
        assert_eq!(fault(Component::field(name)), BaseFault::NameInvalid, "{name}");
    }
    for odd in [
        Component::derived("@method").sf(),
        Component::derived("@path").bs(),
    ] {
        assert_eq!(fault(odd), BaseFault::ParameterMisplaced);
    }
    assert_eq!(
        fault(Component::derived("@method").tr()),
        BaseFault::ParameterMisplaced
    );
    assert_eq!(
        fault(Component::derived("@query").key("a")),
        BaseFault::ParameterMisplaced
    );
    assert_eq!(
        fault(Component::field("content-type").key("a\nb")),
        BaseFault::ParameterMisplaced
    );
    assert_eq!(
        fault(Component::query_param("a\nb")),
        BaseFault::ParameterMisplaced
    );
    assert_eq!(
        fault(Component::field("content-digest").bs().sf()),
        BaseFault::ParametersExclusive
    );
    assert_eq!(
        fault(Component::field("content-digest").key("sha-256").bs()),
        BaseFault::ParametersExclusive
    );
    assert_eq!(
        fault(Component::derived("@query-param")),
        BaseFault::QueryParamNameMissing
    );
    assert_eq!(
        fault(Component::derived("@method").req()),
        BaseFault::ReqInRequest
    );
    assert_eq!(fault(Component::derived("@status")), BaseFault::StatusInRequest);
}

/// SIG-06
#[test]
fn values_that_are_not_there_are_refused_by_name() {
    let request = payment()
        .with("x-list", "1, 2")
        .with("content-digest", "sha-512=:AA==:, sha-512=:AA==:");
    let fault = |component: Component<'_>| base_fault(&request, component);
    assert_eq!(fault(Component::field("x-none")), BaseFault::FieldMissing);
    assert_eq!(
        fault(Component::field("content-type").tr()),
        BaseFault::TrailersMissing
    );
    assert_eq!(fault(Component::field("x-list").sf()), BaseFault::NotStructured);
    assert_eq!(
        fault(Component::field("x-list").key("a")),
        BaseFault::NotADictionary
    );
    assert_eq!(
        fault(Component::field("content-digest").key("md5")),
        BaseFault::MemberMissing
    );
    assert_eq!(
        fault(Component::field("content-digest").key("sha-512")),
        BaseFault::MemberRepeated
    );
    assert_eq!(
        fault(Component::query_param("none")),
        BaseFault::QueryParamMissing
    );
    let request = payment().with("priority", "\"u");
    assert_eq!(
        base_fault(&request, Component::field("priority").sf()),
        BaseFault::StructuredMalformed
    );
    let mut repeated = payment();
    repeated.query = Some("a=1&a=2".to_owned());
    assert_eq!(
        base_fault(&repeated, Component::query_param("a")),
        BaseFault::QueryParamRepeated
    );
}

/// SIG-02: also when the parameters stand in another order.
#[test]
fn a_component_covered_twice_is_refused() {
    let request = payment();
    let twice = [
        Component::field("content-type"),
        Component::derived("@path"),
        Component::field("content-type"),
    ];
    let error = signature_base(&twice, ";created=1", &request.get()).unwrap_err();
    assert_eq!(error.reason, BaseFault::Repeated);
    assert_eq!(error.component, "\"content-type\"");
    let response = Response {
        status: 200,
        headers: &request.headers,
        trailers: None,
        request: Some(&request.get()),
    };
    let reordered = [
        Component::field("a").req().key("k"),
        Component::field("a").key("k").req(),
    ];
    let error = signature_base(&reordered, "", &response).unwrap_err();
    assert_eq!(error.reason, BaseFault::Repeated);
}

/// SIG-03: nothing that would begin a new line of the base, and nothing outside ASCII.
#[test]
fn values_that_could_forge_a_line_are_refused() {
    let derived = |change: fn(&mut OwnedRequest), name: &'static str| {
        let mut request = payment();
        change(&mut request);
        base_fault(&request, Component::derived(name))
    };
    assert_eq!(
        derived(|r| r.path = "/a\n\"@method\": GET".into(), "@path"),
        BaseFault::LineBreak
    );
    assert_eq!(
        derived(|r| r.query = Some("a\r\nb".into()), "@query"),
        BaseFault::LineBreak
    );
    assert_eq!(
        derived(|r| r.path = "/ü".into(), "@target-uri"),
        BaseFault::NotAscii
    );
    assert_eq!(
        derived(|r| r.path = "/a b".into(), "@path"),
        BaseFault::TargetInvalid
    );
    assert_eq!(
        derived(|r| r.path = "a".into(), "@path"),
        BaseFault::TargetInvalid
    );
    assert_eq!(
        derived(|r| r.path = "/a?b".into(), "@path"),
        BaseFault::TargetInvalid
    );
    assert_eq!(
        derived(|r| r.query = Some("a#b".into()), "@request-target"),
        BaseFault::TargetInvalid
    );
    assert_eq!(
        derived(|r| r.method = "GET\n".into(), "@method"),
        BaseFault::MethodInvalid
    );
    assert_eq!(
        derived(|r| r.method = String::new(), "@method"),
        BaseFault::MethodInvalid
    );
    assert_eq!(
        derived(|r| r.scheme = "https:\n".into(), "@scheme"),
        BaseFault::SchemeInvalid
    );
    for authority in ["", ":443", "a@b", "a b", "a\nb", "a/b", "a,b", "ä"] {
        let mut request = payment();
        authority.clone_into(&mut request.authority);
        assert_eq!(
            base_fault(&request, Component::derived("@authority")),
            BaseFault::AuthorityInvalid,
            "{authority}"
        );
    }
    let mut request = payment();
    request
        .headers
        .insert("x-note", HeaderValue::from_bytes(b"caf\xc3\xa9").unwrap());
    assert_eq!(
        base_fault(&request, Component::field("x-note")),
        BaseFault::NotAscii
    );
    let wrapped = signature_base(&[Component::field("x-note").bs()], "", &request.get()).unwrap();
    assert!(wrapped.starts_with("\"x-note\";bs: :Y2Fmw6k=:\n"));
    let injected = signature_base(&[], ";created=1\n\"x\": y", &request.get()).unwrap_err();
    assert_eq!(injected.reason, BaseFault::Control);
}

/// SIG-16
#[test]
fn a_response_takes_request_parts_only_by_req_and_only_from_its_request() {
    let request = payment();
    let headers = HeaderMap::new();
    let alone = Response {
        status: 200,
        headers: &headers,
        trailers: None,
        request: None,
    };
    let fault = |component: Component<'_>, response: &Response<'_>| {
        signature_base(&[component], "", response).unwrap_err().reason
    };
    assert_eq!(
        fault(Component::derived("@method"), &alone),
        BaseFault::OnlyInRequest
    );
    assert_eq!(
        fault(Component::derived("@method").req(), &alone),
        BaseFault::RequestMissing
    );
    let view = request.get();
    let bound = Response {
        request: Some(&view),
        ..alone
    };
    assert_eq!(
        fault(Component::derived("@status").req(), &bound),
        BaseFault::StatusInRequest
    );
    assert_eq!(
        fault(Component::field("content-type"), &bound),
        BaseFault::FieldMissing
    );
    assert_eq!(
        fault(Component::derived("@status"), &Response { status: 42, ..bound }),
        BaseFault::StatusInvalid
    );
    let base = signature_base(&[Component::field("content-type").req()], "", &bound).unwrap();
    assert!(base.starts_with("\"content-type\";req: application/json\n"));
}
