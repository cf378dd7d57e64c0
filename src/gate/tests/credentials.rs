//! The access token is read from `Authorization` and nowhere else (FAPI-21).

use http::{HeaderValue, Request};

use super::super::identify::{Scheme, credentials};
use super::{World, world};
use crate::base::Code;
use crate::base::limits::ACCESS_TOKEN_BYTES;

fn read(world: &World, target: &str, authorization: Option<&[u8]>) -> Result<(Scheme, String), Code> {
    let mut request = Request::get(target).header("host", "pay.example.com");
    if let Some(value) = authorization {
        request = request.header("authorization", HeaderValue::from_bytes(value).unwrap());
    }
    let exchange = world.admit(request).unwrap();
    let (scheme, token) = credentials(&exchange).map_err(|fault| fault.code)?;
    Ok((scheme, token.to_owned()))
}

#[tokio::test]
async fn the_scheme_is_read_without_case_and_the_token_as_it_stands() {
    let world = world().await;
    for (value, scheme) in [
        ("DPoP abc.DEF", Scheme::Dpop),
        ("dpop abc.DEF", Scheme::Dpop),
        ("Bearer  abc.DEF", Scheme::Bearer),
        ("BEARER abc.DEF ", Scheme::Bearer),
    ] {
        let read = read(&world, "/accounts/1", Some(value.as_bytes()));
        assert_eq!(read, Ok((scheme, "abc.DEF".to_owned())), "{value}");
    }
}

#[tokio::test]
async fn a_token_that_is_elsewhere_or_under_another_scheme_is_missing() {
    let world = world().await;
    for (target, value) in [
        ("/accounts/1", None),
        ("/accounts/1?access_token=abc", None),
        ("/accounts/1", Some("Basic YTpi")),
        ("/accounts/1", Some("DPoP")),
        ("/accounts/1", Some("abc")),
        ("/accounts/1", Some("DPoP\tabc")),
        ("/accounts/1", Some("")),
    ] {
        let read = read(&world, target, value.map(str::as_bytes));
        assert_eq!(read, Err(Code::TokenMissing), "{target} {value:?}");
    }
}

#[tokio::test]
async fn a_token_that_no_token_of_ours_can_be_costs_no_cryptography() {
    let world = world().await;
    let long = format!("DPoP {}", "a".repeat(ACCESS_TOKEN_BYTES + 1));
    assert_eq!(
        read(&world, "/accounts/1", Some(long.as_bytes())),
        Err(Code::TokenInvalid)
    );
    assert_eq!(
        read(&world, "/accounts/1", Some(b"DPoP \xff")),
        Err(Code::RequestMalformed)
    );
}
