//! Bodies in chunks: what is one, what is none, and that no cut of the input makes a difference.

use expect_test::{Expect, expect};
use gateway::http1::chunked::{SIZE_LINE_BYTES_MAX, TRAILER_BYTES_MAX};
use gateway::http1::{Chunked, Piece, Refusal};
use std::fmt::Write;

/// Reads a body that comes in pieces of this size.
fn read(bytes: &[u8], size: usize) -> Result<Piece, Refusal> {
    let mut body = Chunked::default();
    let mut sum = Piece { taken: 0, data: 0, done: false };
    for part in bytes.chunks(size) {
        let piece = body.read(part)?;
        sum = Piece { taken: sum.taken + piece.taken, data: sum.data + piece.data, done: piece.done };
        if sum.done {
            break;
        }
        assert_eq!(piece.taken, part.len(), "all is taken until it is over");
    }
    Ok(sum)
}

fn check(cases: &[&str], wanted: &Expect) {
    let mut text = String::new();
    for case in cases {
        let bytes = case.replace("\\0", "\0").replace('|', "\r\n").replace("\\r", "\r").replace("\\n", "\n");
        let bytes = bytes.as_bytes();
        let whole = read(bytes, bytes.len());
        for size in 1..bytes.len() {
            assert_eq!(read(bytes, size), whole, "{case} in pieces of {size}");
        }
        let told = match whole {
            Err(refusal) => refusal.to_string(),
            Ok(Piece { taken, data, done: true }) => format!("{data} bytes, {} follow", bytes.len() - taken),
            Ok(Piece { data, .. }) => format!("{data} bytes so far"),
        };
        writeln!(text, "{case}\n    {told}").expect("a String takes everything");
    }
    wanted.assert_eq(&text);
}

#[test]
fn chunks() {
    check(
        &[
            "0||",
            "5|hello|0||",
            "5|hello|0||GET / HTTP/1.1|",
            "5|hello|6| world|0||",
            "00005|hello|0||",
            "a|0123456789|0||",
            "A|0123456789|000||",
            "5|hel",
            "5;name=value|hello|0||",
            "5;name=\"a b\"|hello|0||",
            "5; name = value|hello",
            "5;a;b=c; d=\"e;\\\"f\"|hello|0||",
            "0|A: b||",
            "0|A: b|C:||x",
            "0|Content-Lengthy: 5|X-Forwarded-Protocol: b||",
            "000000000000000|hello",
            "fffffffffffffff|hello",
        ],
        &expect![[r#"
            0||
                0 bytes, 0 follow
            5|hello|0||
                5 bytes, 0 follow
            5|hello|0||GET / HTTP/1.1|
                5 bytes, 16 follow
            5|hello|6| world|0||
                11 bytes, 0 follow
            00005|hello|0||
                5 bytes, 0 follow
            a|0123456789|0||
                10 bytes, 0 follow
            A|0123456789|000||
                10 bytes, 0 follow
            5|hel
                3 bytes so far
            5;name=value|hello|0||
                5 bytes, 0 follow
            5;name="a b"|hello|0||
                5 bytes, 0 follow
            5; name = value|hello
                400: the extension of a chunk is none
            5;a;b=c; d="e;\"f"|hello|0||
                5 bytes, 0 follow
            0|A: b||
                0 bytes, 0 follow
            0|A: b|C:||x
                0 bytes, 1 follow
            0|Content-Lengthy: 5|X-Forwarded-Protocol: b||
                0 bytes, 0 follow
            000000000000000|hello
                0 bytes so far
            fffffffffffffff|hello
                5 bytes so far
        "#]],
    );
}

#[test]
fn no_chunks() {
    check(
        &[
            "|hello",
            "x|hello",
            "-5|hello",
            "+5|hello",
            "0x5|hello",
            " 5|hello",
            "5 |hello",
            "5 ;a|hello",
            "5_0|hello",
            "5\\nhello|0||",
            "5\\rhello|0||",
            "5;a\\nb|hello",
            "5;a\\0|hello",
            "5;\u{e4}|hello",
            "5|hello0||",
            "5|hello!|0||",
            "5|hello\\n0||",
            "5|hello\\r\\r\\n0||",
            "0000000000000005|hello",
            "fffffffffffffffff|hello",
            "0|\\n",
            "0\\n\\n",
            "0|A b||",
            "0| A: b||",
            "0|A: b\\n|",
            "0|A: b\\0||",
            "0|: b||",
            "5;|hello",
            "5;;a|hello",
            "5;a=|hello",
            "5;a=\"b|hello",
            "5;a=\"b\"c|hello",
            "5;a=\"b\\|hello",
            "5;a b|hello",
            "0|Content-Length: 5||",
            "0|transfer-encoding: chunked||",
            "0|A: b|Content_Length: 5||",
            "0|Host: b||",
            "0|X-Forwarded-Proto: https||",
        ],
        &expect![[r#"
            |hello
                400: the size of a chunk is no number
            x|hello
                400: the size of a chunk is no number
            -5|hello
                400: the size of a chunk is no number
            +5|hello
                400: the size of a chunk is no number
            0x5|hello
                400: the size of a chunk is no number
             5|hello
                400: the size of a chunk is no number
            5 |hello
                400: the size of a chunk is no number
            5 ;a|hello
                400: the size of a chunk is no number
            5_0|hello
                400: the size of a chunk is no number
            5\nhello|0||
                400: the size of a chunk is no number
            5\rhello|0||
                400: a line of a chunked body ends without CR
            5;a\nb|hello
                400: the extension of a chunk is none
            5;a\0|hello
                400: the extension of a chunk is none
            5;ä|hello
                400: the extension of a chunk is none
            5|hello0||
                400: a chunk does not end where it should
            5|hello!|0||
                400: a chunk does not end where it should
            5|hello\n0||
                400: a chunk does not end where it should
            5|hello\r\r\n0||
                400: a chunk does not end where it should
            0000000000000005|hello
                400: the size of a chunk is no number
            fffffffffffffffff|hello
                400: the size of a chunk is no number
            0|\n
                400: a trailer is no field
            0\n\n
                400: the size of a chunk is no number
            0|A b||
                400: a trailer is no field
            0| A: b||
                400: a trailer is no field
            0|A: b\n|
                400: a trailer is no field
            0|A: b\0||
                400: a trailer is no field
            0|: b||
                400: a trailer is no field
            5;|hello
                400: the extension of a chunk is none
            5;;a|hello
                400: the extension of a chunk is none
            5;a=|hello
                400: the extension of a chunk is none
            5;a="b|hello
                400: the extension of a chunk is none
            5;a="b"c|hello
                400: the extension of a chunk is none
            5;a="b\|hello
                400: the extension of a chunk is none
            5;a b|hello
                400: the extension of a chunk is none
            0|Content-Length: 5||
                400: a trailer comes too late to be believed
            0|transfer-encoding: chunked||
                400: a trailer comes too late to be believed
            0|A: b|Content_Length: 5||
                400: a trailer comes too late to be believed
            0|Host: b||
                400: a trailer comes too late to be believed
            0|X-Forwarded-Proto: https||
                400: a trailer comes too late to be believed
        "#]],
    );
}

#[test]
fn bounds() {
    let extension = |count: usize| format!("0;{}\r\n\r\n", "a".repeat(count)).into_bytes();
    assert!(read(&extension(SIZE_LINE_BYTES_MAX - 4), 100).is_ok_and(|piece| piece.done));
    assert!(read(&extension(SIZE_LINE_BYTES_MAX - 3), 100).is_err());
    let trailer = |count: usize| format!("0\r\na:{}\r\n\r\n", "b".repeat(count)).into_bytes();
    assert!(read(&trailer(TRAILER_BYTES_MAX - 6), 100).is_ok_and(|piece| piece.done));
    assert!(read(&trailer(TRAILER_BYTES_MAX - 5), 100).is_err());
}
