//! Frames of WebSockets, however their bytes are cut.

use expect_test::{Expect, expect};
use gateway::websocket::{Frames, farewell, masked_farewell};
use std::fmt::Write as _;

/// Where frames end in these bytes, and whether they say that this is the end; the same however they are cut.
fn check(cases: &[(&str, Vec<u8>)], expected: Expect) {
    let mut said = String::new();
    for (name, bytes) in cases {
        let (mut frames, mut ends) = (Frames::default(), vec![0]);
        for (index, byte) in bytes.iter().enumerate() {
            assert_eq!(frames.read(&[*byte]), 1, "{name}");
            ends.extend(frames.is_between().then_some(index + 1));
        }
        for cut in 0..=bytes.len() {
            let (first, rest) = bytes.split_at(cut);
            let mut trickled = Frames::default();
            assert_eq!(trickled.read(first), cut, "{name} at {cut}");
            trickled.end();
            let end = ends.iter().find(|end| **end >= cut).copied();
            assert_eq!(cut + trickled.read(rest), end.unwrap_or(bytes.len()), "{name} at {cut}");
            assert_eq!(trickled.has_ended(), end.is_some(), "{name} at {cut}");
            trickled.go_on();
            trickled.read(&bytes[end.unwrap_or(bytes.len())..]);
            assert_eq!(trickled, frames, "{name} at {cut}");
        }
        let closed = if frames.has_closed() { ", closed" } else { "" };
        writeln!(said, "{name}: {:?} of {}{closed}", &ends[1..], bytes.len()).expect("a line");
    }
    expected.assert_eq(&said);
}

/// A head, and so many bytes.
fn frame(head: &[u8], carried: usize) -> Vec<u8> {
    [head, &vec![0x88; carried]].concat()
}

#[test]
fn where_frames_end() {
    let several = [frame(&[0x01, 3], 3), frame(&[0x89, 0], 0), frame(&[0x80, 2], 2)].concat();
    check(
        &[
            ("nothing", vec![]),
            ("empty", frame(&[0x81, 0], 0)),
            ("empty and masked", frame(&[0x81, 0x80, 1, 2, 3, 4], 0)),
            ("short", frame(&[0x81, 5], 5)),
            ("short and masked", frame(&[0x82, 0x85, 0, 0, 0, 0], 5)),
            ("the longest short one", frame(&[0x82, 125], 125)),
            ("of two bytes of length", frame(&[0x82, 126, 0, 126], 126)),
            ("and masked", frame(&[0x82, 0xfe, 1, 0, 9, 9, 9, 9], 256)),
            ("of eight bytes of length", frame(&[0x82, 127, 0, 0, 0, 0, 0, 0, 1, 1], 257)),
            ("and masked, with more than a mask", frame(&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0], 2)),
            ("nothing, said in eight bytes", frame(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 0], 0)),
            ("longer than anybody lives", frame(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255], 9)),
            ("several, of one message", several),
            ("half of the second", [frame(&[0x81, 1], 1), frame(&[0x81, 4], 2)].concat()),
            ("a head only", vec![0x88, 2]),
            ("a close", frame(&[0x88, 0], 0)),
            ("a close with half a reason", frame(&[0x88, 4], 2)),
            ("the farewell", farewell().to_vec()),
            ("the masked farewell", masked_farewell([1, 2, 3, 4]).to_vec()),
        ],
        expect![[r#"
            nothing: [] of 0
            empty: [2] of 2
            empty and masked: [6] of 6
            short: [7] of 7
            short and masked: [11] of 11
            the longest short one: [127] of 127
            of two bytes of length: [130] of 130
            and masked: [264] of 264
            of eight bytes of length: [267] of 267
            and masked, with more than a mask: [16] of 16
            nothing, said in eight bytes: [10] of 10
            longer than anybody lives: [] of 19
            several, of one message: [5, 7, 11] of 11
            half of the second: [3] of 7
            a head only: [] of 2
            a close: [2] of 2, closed
            a close with half a reason: [] of 4
            the farewell: [4] of 4, closed
            the masked farewell: [8] of 8, closed
        "#]],
    );
}

#[test]
fn farewells_say_going_away() {
    assert_eq!(farewell(), [0x88, 2, 0x03, 0xe9]);
    assert_eq!(masked_farewell([0; 4]), [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]);
    assert_eq!(masked_farewell([1, 2, 3, 4]), [0x88, 0x82, 1, 2, 3, 4, 0x02, 0xeb]);
}
