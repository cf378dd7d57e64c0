//! The questions of doors and gate, with addresses of both families.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::base::{ClientId, Code, CustomerId, RouteName, SystemEntropy, Timestamp};
use crate::config::{self, Rate};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

const fn rate(seconds: u64, burst: u32) -> Option<Rate> {
    Some(Rate {
        interval: Duration::from_secs(seconds),
        burst,
    })
}

/// The defaults, with few requests a source.
fn rules() -> config::Defense {
    let file = concat!(
        "[server]\npublic_url = \"https://pay.example\"\nadmin_listen = []\n[[tls.certificate]]\nchain = \"s.pem\"\n",
        "key = \"file:k.pem\"\n[keys]\nkek = \"file:master.key\"\n[[upstream]]\nname = \"bank\"\n",
        "urls = \"http://127.0.0.1:1\"\ntrust_domain = \"bank\"\n[defense]\ntrusted_sources = \"10.0.0.0/8\"\n",
        "source_rate = \"60/h burst 10\"\nban_after = \"60/h burst 5\"\n",
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("countersign.toml");
    std::fs::write(&path, file).unwrap();
    config::load(&path).unwrap().defense
}

fn defense() -> Defense {
    Defense::new(Arc::new(SystemEntropy::default()))
}

/// How many requests of an address pass, of a hundred.
fn passing(defense: &Defense, rules: &config::Defense, address: IpAddr) -> usize {
    let ask = |_: &i32| defense.request(rules, address, false, NOW).is_ok();
    (0..100).filter(ask).count()
}

fn v6(site: u16, network: u16, host: u16) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, site, network, 0, 0, 0, host).into()
}

/// Every host of IPv6 has 2^64 addresses, and every site 65,536 networks: neither is that many sources.
#[test]
fn addresses_of_one_network_are_one_source_and_networks_of_one_site_have_a_bound() {
    let (defense, mut rules) = (defense(), rules());
    rules.floods.ban_after = None;
    assert_eq!(passing(&defense, &rules, v6(1, 1, 1)), 10);
    assert_eq!(passing(&defense, &rules, v6(1, 1, 2)), 0, "the same /64");
    assert_eq!(passing(&defense, &rules, v6(1, 2, 1)), 10, "another /64");
    let rest: usize = (3..1000)
        .map(|network| passing(&defense, &rules, v6(1, network, 1)))
        .sum();
    assert_eq!(rest, 16 * 10 - 20, "the /48 has sixteen times as much");
    assert_eq!(passing(&defense, &rules, v6(2, 1, 1)), 10, "another /48");
    assert_eq!(passing(&defense, &rules, "::ffff:192.0.2.1".parse().unwrap()), 10);
    assert_eq!(
        passing(&defense, &rules, "192.0.2.1".parse().unwrap()),
        0,
        "the same address"
    );
    assert_eq!(passing(&defense, &rules, "192.0.2.2".parse().unwrap()), 10);
}

/// Whoever changes their network to go on is met one level up.
#[test]
fn a_site_that_floods_from_all_its_networks_is_banned_as_a_whole() {
    let (defense, rules) = (defense(), rules());
    let mut last = Ok(());
    for network in 0..1000 {
        last = (0..2).try_for_each(|_| defense.request(&rules, v6(1, network, 1), false, NOW));
    }
    assert_eq!(last.unwrap_err().code, Code::Banned);
    let bans = defense.bans(NOW);
    assert_eq!(bans.len(), 1);
    assert_eq!(bans[0].network.to_string(), "2001:db8:1::/48");
    assert_eq!(defense.connection(&rules, v6(1, 77, 1), NOW), Err(Code::Banned));
    assert_eq!(defense.connection(&rules, v6(2, 77, 1), NOW), Ok(()));
}

#[test]
fn who_keeps_to_the_rate_is_never_banned_and_who_does_not_is_told_until_when() {
    let (defense, rules) = (defense(), rules());
    let address = "192.0.2.1".parse().unwrap();
    let mut now = NOW;
    for _ in 0..10_000 {
        assert!(defense.request(&rules, address, false, now).is_ok());
        now = now.plus(Duration::from_secs(60));
    }
    // A little too fast, for long: refused now and then, not banned.
    let mut refused = 0;
    for _ in 0..10_000 {
        refused += usize::from(defense.request(&rules, address, false, now).is_err());
        now = now.plus(Duration::from_secs(40));
    }
    assert!(refused > 3000 && defense.bans(now).is_empty());
    while defense.bans(now).is_empty() {
        let _ = defense.request(&rules, address, false, now);
    }
    let fault = defense.request(&rules, address, false, now).unwrap_err();
    assert_eq!(
        (fault.code, fault.retry_after),
        (Code::Banned, Some(Duration::from_secs(60)))
    );
    let later = now.plus(Duration::from_secs(45));
    let fault = defense.request(&rules, address, false, later).unwrap_err();
    assert_eq!(fault.retry_after, Some(Duration::from_secs(15)));
}

#[test]
fn a_trusted_source_owes_nothing_and_is_not_banned() {
    let (defense, rules) = (defense(), rules());
    let address = "10.1.2.3".parse().unwrap();
    for _ in 0..1000 {
        defense.request(&rules, address, true, NOW).unwrap();
        defense.connection(&rules, address, NOW).unwrap();
        defense.malformed(&rules, address, NOW);
        defense.flooded(&rules, address, Cause::Connections, NOW);
    }
    assert!(defense.bans(NOW).is_empty());
}

#[test]
fn a_lifted_ban_lets_its_source_begin_anew() {
    let (defense, rules) = (defense(), rules());
    let address = "192.0.2.1".parse().unwrap();
    for _ in 0..6 {
        assert!(defense.bans(NOW).is_empty(), "five are no flood");
        defense.malformed(&rules, address, NOW);
    }
    let id = defense.bans(NOW)[0].id.clone();
    assert_eq!(defense.lift("another", NOW), None);
    assert_eq!(defense.lift(&id, NOW).unwrap().cause, Cause::Framing);
    assert_eq!(
        defense
            .request(&rules, address, false, NOW)
            .map_err(|fault| fault.code),
        Ok(())
    );
    for _ in 0..5 {
        defense.malformed(&rules, address, NOW);
    }
    assert!(defense.bans(NOW).is_empty());
}

#[test]
fn nothing_is_limited_or_banned_where_that_is_off() {
    let (defense, mut rules) = (defense(), rules());
    rules.floods.source_rate = None;
    rules.floods.oauth_rate = None;
    rules.floods.customer_rate = None;
    rules.floods.ban_after = None;
    let address = "192.0.2.1".parse().unwrap();
    let (customer, client) = (CustomerId::new("c"), ClientId::new("app"));
    for _ in 0..2000 {
        defense.request(&rules, address, true, NOW).unwrap();
        defense.connection(&rules, address, NOW).unwrap();
        defense.malformed(&rules, address, NOW);
        defense.caller(&rules, &customer, &client, NOW).unwrap();
        defense.route(None, &RouteName::new("r"), NOW).unwrap();
    }
    assert!(defense.bans(NOW).is_empty());
    assert!(defense.route(rate(1, 1), &RouteName::new("r"), NOW).is_ok());
    assert!(defense.route(rate(1, 1), &RouteName::new("r"), NOW).is_err());
    assert!(defense.route(rate(1, 1), &RouteName::new("other"), NOW).is_ok());
}
