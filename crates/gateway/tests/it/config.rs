//! Tables from a file: what stands for more, and what is wrong with one, told with its place.

use expect_test::{Expect, expect};
use gateway::process::parse_config;
use model::text::Source;

fn check(text: &str, expected: &Expect) {
    let said = match parse_config(Source { name: "gateway.yaml", text }) {
        Ok(tables) => {
            let tables = tables.iter().map(|table| serde_json::to_string(table).expect("JSON") + "\n");
            tables.collect::<String>().replace(r#","limits":{"connect":2000,"head":30000,"idle":60000"#, "...")
        }
        Err(report) => report.to_string(),
    };
    expected.assert_eq(&said);
}

#[test]
fn the_least_that_works() {
    check(
        "listen: :8080\nendpoints: 127.0.0.1:9001\n",
        &expect![[r#"
        {"service":"service/gateway/production/local","generation":0,"listen":[{"address":":8080"}],"salt":"gateway","lanes":[{"release":1,"share":10000,"endpoints":[{"address":"127.0.0.1:9001"}],"balance":"least-requests"}]...,"keep_alive":75000,"body_bytes_max":1073741824,"stream_drain":30000,"body_bytes_per_second_min":240}}
    "#]],
    );
}

#[test]
fn what_nobody_has_to_write() {
    check(
        "service: shop
listen: [\":80\", {address: \":443\", proxy_protocol: true}]
hosts: shop.example
paths: [{prefix: /a}, {exact: /b}]
unit: {cookie: {name: u, key: 000102030405060708090a0b0c0d0eff}}
lanes:
- endpoints: [127.0.0.1:1, {address: 127.0.0.1:2, draining: true}]
- {share: 0.25%, endpoints: 127.0.0.1:3, balance: random, slow_start: 1m30s}
- {release: 9, endpoints: 127.0.0.1:4, matches: {headers: {X-Team: null}, methods: GET}}
- {door: pinned, endpoints: 127.0.0.1:5}
rules: {name: edited, request: {set: {X-A: one, X-B: two}, remove: X-C}}
hold: {retry_after: 30s, page: soon}
",
        &expect![[r#"
            {"service":"service/shop/production/local","generation":0,"listen":[{"address":":80"},{"address":":443","proxy_protocol":true}],"hosts":["shop.example"],"paths":[{"prefix":"/a"},{"exact":"/b"}],"unit":{"cookie":{"name":"u","key":"000102030405060708090a0b0c0d0eff"}},"salt":"shop","lanes":[{"release":1,"share":4988,"endpoints":[{"address":"127.0.0.1:1"},{"address":"127.0.0.1:2","draining":true}],"balance":"least-requests"},{"release":2,"share":25,"endpoints":[{"address":"127.0.0.1:3"}],"balance":"random","slow_start":90000},{"release":9,"share":4987,"matches":[{"headers":[["X-Team",null]],"methods":["GET"]}],"endpoints":[{"address":"127.0.0.1:4"}],"balance":"least-requests"},{"release":4,"share":0,"door":"pinned","endpoints":[{"address":"127.0.0.1:5"}],"balance":"least-requests"}],"rules":[{"name":"edited","request":{"remove":["X-C"],"set":[["X-A","one"],["X-B","two"]]}}],"hold":{"retry_after":30000,"page":"soon"}...,"keep_alive":75000,"body_bytes_max":1073741824,"stream_drain":30000,"body_bytes_per_second_min":240}}
        "#]],
    );
}

/// Only one of them could be reached, and which one would be chance.
#[test]
fn services_that_share_an_address_agree_on_it() {
    check(
        "services:
- {service: shop, listen: \"127.0.0.1:80\", hosts: shop.example, endpoints: 127.0.0.1:1}
- service: blog
  listen: {address: \":80\", trusted: 10.0.0.0/8}
  hosts: blog.example
  endpoints: 127.0.0.1:2
- service: cart
  listen:
  - \":81\"
  - {address: \"127.0.0.1:80\", proxy_protocol: true}
  endpoints: 127.0.0.1:3
",
        &expect![[r#"
            error[bad-value]: `127.0.0.1:80` is shared with `service/shop/production/local`, which says something else of its `proxy_protocol`: an address is one for all who share it, so say the same of it in each
              --> gateway.yaml:10:5
               |
            10 |   - {address: "127.0.0.1:80", proxy_protocol: true}
               |     ^
               = correct it; until then what was served before still is

            1 problem in gateway.yaml
        "#]],
    );
}

/// One of them would get nothing, and which one would be chance. Less special places give way, as everywhere.
#[test]
fn a_place_is_one_services() {
    check(
        "services:
- {service: shop, listen: \":80\", hosts: [shop.example, \"*.shop.example\"], endpoints: 127.0.0.1:1}
- {service: cart, listen: \":80\", hosts: shop.example, paths: [{prefix: /cart}, {regex: /c.*}], endpoints: 127.0.0.1:1}
- {service: rest, listen: \":80\", endpoints: 127.0.0.1:1}
- {service: else, listen: \":81\", hosts: shop.example, endpoints: 127.0.0.1:1}
- {service: late, listen: \"0.0.0.0:80\", hosts: [late.example, SHOP.example], paths: [{exact: /cart}, {prefix: /cart/}], endpoints: 127.0.0.1:1}
- {service: last, listen: [\":80\", \":81\"], hosts: shop.example, endpoints: 127.0.0.1:1}
- {service: any, listen: [], paths: {prefix: /}, endpoints: 127.0.0.1:1}
",
        &expect![[r#"
            error[bad-value]: `shop.example` with `/cart` at `:80` is `service/cart/production/local`'s already: give each a host, a path or an address of its own
             --> gateway.yaml:6:63
              |
            6 | - {service: late, listen: "0.0.0.0:80", hosts: [late.example, SHOP.example], paths: [{exact: /cart}, {prefix: /cart/}], endpoints: 127.0.0.1:1}
              |                                                               ^^^^^^^^^^^^
              = correct it; until then what was served before still is

            error[bad-value]: `shop.example` at `:80` is `service/shop/production/local`'s already: give each a host, a path or an address of its own
             --> gateway.yaml:7:50
              |
            7 | - {service: last, listen: [":80", ":81"], hosts: shop.example, endpoints: 127.0.0.1:1}
              |                                                  ^^^^^^^^^^^^
              = correct it; until then what was served before still is

            error[bad-value]: `shop.example` at `:81` is `service/else/production/local`'s already: give each a host, a path or an address of its own
             --> gateway.yaml:7:50
              |
            7 | - {service: last, listen: [":80", ":81"], hosts: shop.example, endpoints: 127.0.0.1:1}
              |                                                  ^^^^^^^^^^^^
              = correct it; until then what was served before still is

            error[bad-value]: every host at `:80` is `service/rest/production/local`'s already: give each a host, a path or an address of its own
             --> gateway.yaml:8:30
              |
            8 | - {service: any, listen: [], paths: {prefix: /}, endpoints: 127.0.0.1:1}
              |                              ^^^^^
              = correct it; until then what was served before still is

            4 problems in gateway.yaml
        "#]],
    );
}

/// A pipe that nobody writes to is not waited for.
#[test]
fn only_files_are_read() {
    let error = gateway::process::read_config(std::path::Path::new("/dev/null")).expect_err("it is no file");
    assert_eq!(error.to_string(), "it is no regular file");
}

#[test]
fn several_services_in_one_file() {
    check(
        "services:
- {service: shop, listen: \":80\", hosts: shop.example, endpoints: 127.0.0.1:1}
- {service: service/blog/staging/local, listen: \":80\", hosts: blog.example, endpoints: 127.0.0.1:2}
---
service: cart
listen: \":81\"
endpoints: 127.0.0.1:3
",
        &expect![[r#"
            {"service":"service/shop/production/local","generation":0,"listen":[{"address":":80"}],"hosts":["shop.example"],"salt":"shop","lanes":[{"release":1,"share":10000,"endpoints":[{"address":"127.0.0.1:1"}],"balance":"least-requests"}]...,"keep_alive":75000,"body_bytes_max":1073741824,"stream_drain":30000,"body_bytes_per_second_min":240}}
            {"service":"service/blog/staging/local","generation":0,"listen":[{"address":":80"}],"hosts":["blog.example"],"salt":"service/blog/staging/local","lanes":[{"release":1,"share":10000,"endpoints":[{"address":"127.0.0.1:2"}],"balance":"least-requests"}]...,"keep_alive":75000,"body_bytes_max":1073741824,"stream_drain":30000,"body_bytes_per_second_min":240}}
            {"service":"service/cart/production/local","generation":0,"listen":[{"address":":81"}],"salt":"cart","lanes":[{"release":1,"share":10000,"endpoints":[{"address":"127.0.0.1:3"}],"balance":"least-requests"}]...,"keep_alive":75000,"body_bytes_max":1073741824,"stream_drain":30000,"body_bytes_per_second_min":240}}
        "#]],
    );
}

/// All that is wrong is told, each with its place.
#[test]
fn what_is_wrong() {
    for (text, expected) in [
        (
            "listn: \":80\"\nendpoints: 127.0.0.1:1\n",
            expect![[r#"
            error[unknown-key]: `listn` is no key that can stand here
             --> gateway.yaml:1:1
              |
            1 | listn: ":80"
              | ^^^^^
              = did you mean `listen`?

            1 problem in gateway.yaml
        "#]],
        ),
        (
            "listen: \":80\"\nlanes:\n- share: 5\n  endpoints: 127.0.0.1:1\n",
            expect![[r#"
            error[bad-share]: `5` is not a share: did you mean `5%`?
             --> gateway.yaml:3:10
              |
            3 | - share: 5
              |          ^
              = did you mean `5%`?

            1 problem in gateway.yaml
        "#]],
        ),
        (
            "listen: \":80\"\nendpoints: 127.0.0.1:1\nlimits: {head: 30 seconds}\n",
            expect![[r#"
            error[bad-duration]: `30 seconds` is not a duration: write whole numbers with the units d, h, m, s and ms, the largest first: `1h30m`, `10s`, `250ms`
             --> gateway.yaml:3:16
              |
            3 | limits: {head: 30 seconds}
              |                ^^^^^^^^^^
              = write whole numbers with the units d, h, m, s and ms, the largest first: `1h30m`, `10s`, `250ms`

            1 problem in gateway.yaml
        "#]],
        ),
        (
            "listen: \":80\"\nlanes:\n- {share: 60%, endpoints: 127.0.0.1:1}\n- {share: 60%, endpoints: 127.0.0.1:2}\n",
            expect![[r#"
                error[bad-value]: the shares sum to 120.00 %: they have to sum to 100 %
                 --> gateway.yaml:2:1
                  |
                2 | lanes:
                  | ^^^^^
                  = correct it; until then what was served before still is

                1 problem in gateway.yaml
            "#]],
        ),
        (
            "listen: \":port\"\nendpoints: [127.0.0.1:1, nowhere]\n",
            expect![[r#"
            error[bad-value]: `:port` is no address to listen at: write it like :8080 or 127.0.0.1:8080
             --> gateway.yaml:1:9
              |
            1 | listen: ":port"
              |         ^^^^^^^
              = correct it; until then what was served before still is

            error[bad-value]: `nowhere` is no address with a port: write it like 127.0.0.1:20001
             --> gateway.yaml:2:26
              |
            2 | endpoints: [127.0.0.1:1, nowhere]
              |                          ^^^^^^^
              = correct it; until then what was served before still is

            2 problems in gateway.yaml
        "#]],
        ),
        (
            "listen: \":80\"\nlanes: {balance: weather, endpoints: 127.0.0.1:1}\n",
            expect![[r#"
            error[unknown-word]: `weather` cannot stand here
             --> gateway.yaml:2:18
              |
            2 | lanes: {balance: weather, endpoints: 127.0.0.1:1}
              |                  ^^^^^^^
              = write one of `least-requests`, `round-robin`, `random` and `consistent-hash`

            1 problem in gateway.yaml
        "#]],
        ),
        (
            "listen: \":80\"\nendpoints: 127.0.0.1:1\npaths: [{prefix: /a, exact: /b}]\n",
            expect![[r#"
            error[choose-one]: exactly one key stands here
             --> gateway.yaml:3:9
              |
            3 | paths: [{prefix: /a, exact: /b}]
              |         ^
              = write one of `exact`, `prefix` and `regex`

            1 problem in gateway.yaml
        "#]],
        ),
        (
            "listen: \":80\"\nendpoints: 127.0.0.1:1\nhold: {page: soon}\n",
            expect![[r#"
            error[missing-key]: the key `retry_after` is missing
             --> gateway.yaml:3:1
              |
            3 | hold: {page: soon}
              | ^^^^
              = add `retry_after:`

            1 problem in gateway.yaml
        "#]],
        ),
        (
            "listen: \":80\"\nendpoints: 127.0.0.1:1\nlimits: {body_bytes_max: -1}\n",
            expect![[r#"
                error[number-out-of-range]: this is the number -1, but what belongs here is a whole number, 0 or more
                 --> gateway.yaml:3:26
                  |
                3 | limits: {body_bytes_max: -1}
                  |                          ^^
                  = correct the value

                1 problem in gateway.yaml
            "#]],
        ),
        (
            "listen: \":80\"\nendpoints: 127.0.0.1:1\nunit: {cookie: {name: u, key: secret, size: 3}}\n",
            expect![[r#"
                error[bad-value]: a key has 32 hexadecimal digits
                 --> gateway.yaml:3:31
                  |
                3 | unit: {cookie: {name: u, key: ******, size: 3}}
                  |                               ^^^^^^
                  = correct the value

                1 problem in gateway.yaml
            "#]],
        ),
        (
            "services:\n- {listen: \":80\", endpoints: 127.0.0.1:1}\n- {listen: \":81\", endpoints: 127.0.0.1:1}\n",
            expect![[r#"
                error[duplicate-service]: `service/gateway/production/local` is described twice
                 --> gateway.yaml:3:3
                  |
                3 | - {listen: ":81", endpoints: 127.0.0.1:1}
                  |   ^
                  = give each its own name with `service:`

                1 problem in gateway.yaml
            "#]],
        ),
        (
            "services: {listen: \":80\"}\nlisten: \":80\"\n",
            expect![[r#"
            error[choose-one]: `listen` stands beside `services`
             --> gateway.yaml:1:1
              |
            1 | services: {listen: ":80"}
              | ^
              = it belongs to one of the services: indent it, or remove `services:`

            error[missing-key]: the key `lanes` is missing
             --> gateway.yaml:1:1
              |
            1 | services: {listen: ":80"}
              | ^^^^^^^^
              = add `lanes:`

            2 problems in gateway.yaml
        "#]],
        ),
        (
            "service: Shop\nlisten: \":80\"\nendpoints: 127.0.0.1:1\n",
            expect![[r#"
            error[bad-name]: `Shop` is not a name: use 1 to 63 lower-case letters, digits and dashes, with no dash at either end
             --> gateway.yaml:1:1
              |
            1 | service: Shop
              | ^
              = write it as `service: shop`

            1 problem in gateway.yaml
        "#]],
        ),
        (
            "- a\n- b\n",
            expect![[r#"
                error[wrong-type]: this is a list, but what belongs here is a map with keys and values
                 --> gateway.yaml:1:1
                  |
                1 | - a
                  | ^
                  = see docs/gateway.md for every key and an example

                1 problem in gateway.yaml
            "#]],
        ),
        (
            "a: [\n",
            expect![[r#"
            error[yaml-syntax]: this is no YAML: while parsing a node, did not find expected node content
             --> gateway.yaml:2:1
              |
            2 | 
              | ^
              = look at this line and the one before it

            1 problem in gateway.yaml
        "#]],
        ),
        (
            "",
            expect![[r#"
            error[empty]: there is no service in this file
             --> gateway.yaml:1:1
              |
            1 | 
              | ^
              = the least that is needed:
              = listen: ":8080"
              = endpoints: "127.0.0.1:9001"

            1 problem in gateway.yaml
        "#]],
        ),
    ] {
        check(text, &expected);
    }
}
