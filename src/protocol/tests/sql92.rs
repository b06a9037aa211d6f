//! SQL92 filters as tables: what is true of which message, and what is refused where.

use protocol::sql92::{Filter, MAX_LEN};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// `name=value` pairs, parted by blanks, as a property string.
fn properties(pairs: &str) -> String {
    pairs.split_whitespace().fold(String::new(), |mut text, pair| {
        let (name, value) = pair.split_once('=').expect("it is one");
        protocol::properties::push(&mut text, name, value);
        text
    })
}

#[track_caller]
fn check(table: &[(&str, &str, bool)]) {
    for (expression, pairs, wanted) in table {
        let filter = Filter::compile(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        assert_eq!(filter.matches(&properties(pairs)), *wanted, "{expression} of {pairs}");
    }
}

#[test]
fn comparisons_read_properties_as_the_other_sides_kind() {
    check(&[
        ("a = 'x'", "a=x", true),
        ("a = 'x'", "a=X", false),
        ("a = 'it''s ''it'''", "a=it's", false),
        ("a = '''it'''", "a='it'", true),
        ("a = 3", "a=3", true),
        ("a = 3", "a=+3", true),
        ("a = 3", "a=03", true),
        ("a = 3l", "a=3", true),
        ("3 = a", "a=3", true),
        ("a <> 3", "a=4", true),
        ("a <> 3", "a=3", false),
        ("a > 3", "a=10", true),
        ("a >= 3", "a=3", true),
        ("a < 3", "a=-4", true),
        ("a <= 3", "a=4", false),
        ("3 < a", "a=4", true),
        ("a > -5", "a=-4", true),
        ("a = - - 5", "a=5", true),
        ("a = +5", "a=5", true),
        ("a > 3.14", "a=3.1415", true),
        ("a > .5", "a=0.6", true),
        ("a >= 5.", "a=5", true),
        ("a > 3.1E10", "a=31415000000", true),
        ("a < 1e-3", "a=0.0001", true),
        ("a > 0.0", "a=1d", true),
        ("a < 1.5", "a=-Infinity", true),
        ("a > 1.5", "a=NaN", true),
        ("a > b", "a=20 b=9", true),
        ("a > b", "a=1e1 b=9.5", true),
        ("a = b", "a=1.0 b=1", false),
        ("1 < 2.5", "", true),
        ("2 = 2.0", "", true),
        ("3000000000 > 2", "", true),
    ]);
}

#[test]
fn a_property_that_is_no_such_number_is_not_taken_whatever_else_is_said() {
    check(&[
        ("a > 3", "a=abc", false),
        ("a > 3", "a=3.5", false),
        ("a > 3", "a=3000000000", false),
        ("a > 3000000000", "a=3000000001", true),
        ("a > 3.0", "a=3000000000", true),
        ("a > 3.0", "a=inf", false),
        ("a > 3.0", "a=3.5x", false),
        ("a = 3", "a=abc", false),
        ("a <> 3", "a=abc", false),
        ("NOT (a = 3)", "a=abc", false),
        ("a > 3 OR b = 'x'", "a=abc b=x", false),
        ("b = 'x' OR a > 3", "a=abc b=x", true),
        ("a > b", "a=abc b=1", false),
    ]);
}

#[test]
fn what_is_missing_is_neither_true_nor_false() {
    check(&[
        ("a = 1", "", false),
        ("a <> 1", "", false),
        ("NOT (a = 1)", "", false),
        ("a > 1 OR b = 'x'", "b=x", true),
        ("a > 1 OR b = 'y'", "b=x", false),
        ("NOT (a > 1 AND b = 'y')", "b=x", true),
        ("NOT (a > 1 AND b = 'x')", "b=x", false),
        ("a IS NULL", "", true),
        ("a IS NULL", "a=1", false),
        ("a is not null", "a=1", true),
        ("a is not null", "", false),
        ("a IS NULL OR a = 'x'", "a=x", true),
        ("(a = 1) IS NULL", "", true),
        ("NULL IS NULL", "", true),
        ("a = b", "", true),
        ("a = b", "b=1", false),
        ("a <> b", "a=1", true),
        ("a <> b", "b=1", false),
        ("a = 1 IS NULL", "", true),
    ]);
    assert!(
        Filter::compile("a IS NULL").expect("it is one").matches("a\u{1}\u{2}b\u{1}1"),
        "an empty property is none"
    );
    assert!(
        Filter::compile("a = 1").expect("it is one").matches("a\u{1}2\u{2}xa\u{1}3\u{2}a\u{1}1"),
        "the last one counts"
    );
}

#[test]
fn between_in_and_searches_are_as_they_read() {
    check(&[
        ("a BETWEEN 2 AND 10", "a=2", true),
        ("a BETWEEN 2 AND 10", "a=10", true),
        ("a BETWEEN 2 AND 10", "a=11", false),
        ("a between -2.5 and b", "a=0 b=1", true),
        ("5 between a and b", "a=1 b=9", true),
        ("-5 between a and b", "a=-9 b=1", true),
        ("a NOT BETWEEN 2 AND 10", "a=1", true),
        ("a NOT BETWEEN 2 AND 10", "a=2", false),
        ("a not between 2 and 10", "", false),
        ("a NOT BETWEEN 10 AND 2", "a=5", true),
        ("a BETWEEN 2 AND 10 AND b = 'x' OR c = 'y'", "c=y", true),
        ("a IN ('3', '4')", "a=4", true),
        ("a IN ('3', '4')", "a=5", false),
        ("a in ('it''s')", "a=it's", true),
        ("a NOT IN ('3', '4')", "a=5", true),
        ("a NOT IN ('3', '4')", "a=3", false),
        ("a NOT IN ('3')", "", false),
        ("a CONTAINS 'x'", "a=axb", true),
        ("a NOT CONTAINS 'x'", "a=axb", false),
        ("a startswith 'ax'", "a=axb", true),
        ("a not StartsWith 'x'", "a=axb", true),
        ("a ENDSWITH 'xb'", "a=axb", true),
        ("a not endswith 'b'", "a=axb", false),
        ("a CONTAINS ''", "a=axb", false),
        ("a NOT CONTAINS ''", "a=axb", false),
        ("a NOT CONTAINS 'x'", "", false),
        ("'axb' CONTAINS 'x'", "", true),
        ("5 CONTAINS '5'", "", false),
        ("contains = 'x' AND contains contains 'x'", "contains=x", true),
    ]);
}

#[test]
fn words_join_as_in_apache() {
    check(&[
        ("a=3 and b<>4 And c>5 AND d<=4", "a=3 b=5 c=6 d=1", true),
        ("a=3 or b<>4 Or c>5 OR d<=4", "a=4 b=4 c=3 d=10", false),
        ("a = 1 OR b = 1 AND c = 1", "a=1 b=2 c=2", true),
        ("(a = 1 OR b = 1) AND c = 1", "a=1 b=2 c=2", false),
        ("a = TRUE", "a=True", true),
        ("a = false", "a=whatever", true),
        ("TRUE = a", "a=true", false),
        ("(a = 1) = TRUE", "a=1", true),
        ("a = 1 = TRUE", "a=1", true),
        ("a = 1 = 1", "a=1", false),
        ("TRUE", "", true),
        ("FALSE OR NOT FALSE", "", true),
        ("NULL", "", false),
        // NOT binds before =, and a property is never true: this compares TRUE with 1.
        ("NOT a = 1", "a=2", false),
        ("NOT a", "a=true", true),
        ("a", "a=true", false),
        ("-a IS NULL", "a=1", true),
        ("/* which */ a = 1 -- one\n AND\tb = 2", "a=1 b=2", true),
        ("a = --5", "a=5", true),
        ("TAGS IN ('TagA') AND _$x1 = 1", "TAGS=TagA _$x1=1", true),
        ("A = 1", "a=1", false),
    ]);
}

#[test]
fn what_is_no_expression_is_refused_with_column_and_reason() {
    for (expression, column, reason) in [
        ("", 1, "empty"),
        ("  -- only this\n", 1, "empty"),
        ("a", 1, ""),
        ("a = ", 5, "expected a property, a value or \"(\", found the end"),
        ("a and between 2 and 10", 7, "found between"),
        ("a between 10 and 0", 11, "the first is more than the second"),
        ("a between 1 or 2", 13, "expected AND, found or"),
        ("a between 'a' and 'b'", 11, "a text is not less or more"),
        ("a > 'x'", 5, "a text is not less or more"),
        ("a > NULL", 5, "NULL is not less or more"),
        ("(a = 1) > 2", 1, "a condition is not less or more"),
        ("a > 1 > 2", 1, "a condition is not less or more"),
        ("a = NULL", 5, "IS NULL"),
        ("TRUE = 1", 8, "cannot be compared"),
        ("5", 1, "a condition is needed"),
        ("a = 1 AND 'x'", 11, "a condition is needed"),
        ("NOT 5 = 1", 5, "a condition is needed"),
        ("a = 100000000000000000000000", 5, "the largest whole number"),
        ("a = 1e999", 5, "the largest number"),
        ("a = 'x", 5, "no quote at its end"),
        ("a = 'x''", 5, "no quote at its end"),
        ("a = \"x\"", 5, "single quotes"),
        ("a != 1", 3, "not equal is <>"),
        ("a == 1", 4, "once"),
        ("a = 1 && b = 2", 7, "and is AND"),
        ("a = 1 /* b", 7, "no */ at its end"),
        ("a = 1 -- b", 7, "expected AND, OR or the end"),
        ("a = 1 b = 2", 7, "expected AND, OR or the end, found b"),
        ("(a = 1", 7, "expected \")\", found the end"),
        ("a = 1)", 6, "closes none"),
        ("a in ()", 7, "expected a text in single quotes, found \")\""),
        ("a in (1, 2)", 7, "expected a text in single quotes, found 1"),
        ("a in ('1' '2')", 11, "expected \")\", found '2'"),
        ("'a' in ('a')", 1, "expected a property before IN"),
        ("a contains b", 12, "expected a text"),
        ("a not like 'x'", 7, "expected BETWEEN, IN,"),
        ("a is 5", 6, "expected NULL, found 5"),
        ("a = 007", 6, "expected AND, OR or the end"),
        ("a = .", 5, "digits after the point"),
        ("名 = 1", 1, "means nothing here"),
        ("a = '名' AND ;", 13, "';' means nothing here"),
    ] {
        match Filter::compile(expression) {
            Err(error) => {
                assert_eq!(error.column, column, "{expression}: {error}");
                assert!(error.reason.contains(reason), "{expression}: {error}");
            }
            Ok(_) => assert!(reason.is_empty(), "{expression} was taken"),
        }
    }
}

#[test]
fn depth_and_length_are_bounded_and_breadth_is_not() {
    let nested = |depth: usize| format!("{}a = 1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::compile(&nested(90)).expect("it is one").matches("a\u{1}1"));
    let is_null = format!("a{}", " IS NULL".repeat(90));
    assert!(!Filter::compile(&is_null).expect("it is one").matches(""));
    for deep in [
        nested(101),
        nested(30_000),
        format!("a = {}1", "- ".repeat(30_000)),
        format!("{}a", "NOT ".repeat(15_000)),
        format!("a{}", "=1".repeat(30_000)),
        format!("a{}", " IS NULL".repeat(8_000)),
        format!("a{}", " CONTAINS 'x'".repeat(5_000)),
        format!("{}a{}", "(".repeat(60), " IS NULL)".repeat(60)).replace("IS NULL", "IS NULL IS NULL"),
    ] {
        let error = Filter::compile(&deep).expect_err("it is none");
        assert!(error.reason.contains("nested"), "{error}");
    }
    let wide = format!("a = 'x'{}", " OR a='y'".repeat(7_000));
    assert!(Filter::compile(&wide).expect("it is one").matches("a\u{1}y"));
    assert!(Filter::compile(&" ".repeat(MAX_LEN + 1)).expect_err("it is none").reason.contains("65536"));
}

#[test]
fn no_text_makes_it_panic() {
    const PIECES: [&str; 48] = [
        "a",
        "b",
        "TAGS",
        "'x'",
        "''''",
        "'",
        "0",
        "1",
        "9223372036854775808",
        "2147483648",
        "1.5",
        ".5",
        "1e",
        "5e3",
        ".",
        "=",
        "<>",
        ">",
        ">=",
        "<",
        "<=",
        "(",
        ")",
        ",",
        "+",
        "-",
        "--",
        "/*",
        "*/",
        "\n",
        " ",
        "NOT",
        "AND",
        "OR",
        "BETWEEN",
        "IN",
        "IS",
        "NULL",
        "TRUE",
        "FALSE",
        "CONTAINS",
        "STARTSWITH",
        "ENDSWITH",
        "!",
        "\u{1}",
        "名",
        "😀",
        "\"",
    ];
    let seed = std::env::var("RMQ_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(92);
    println!("RMQ_TEST_SEED={seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let messages = ["", "a=1 b=x", "a=1.5 b=2 TAGS=x", "a=TRUE b=9223372036854775807"].map(properties);
    let mut taken = 0;
    for _ in 0..50_000 {
        let pieces = chance.random_range(0..14);
        // Blanks between them make sense more often.
        let blank = if chance.random_bool(0.8) { " " } else { "" };
        let text = (0..pieces).map(|_| PIECES[chance.random_range(0..PIECES.len())]).collect::<Vec<_>>().join(blank);
        match Filter::compile(&text) {
            Ok(filter) => {
                taken += 1;
                let _ = messages.iter().filter(|message| filter.matches(message)).count();
            }
            Err(error) => assert!((1..=text.chars().count() + 1).contains(&error.column), "{text}: {error}"),
        }
    }
    assert!(taken > 100, "only {taken} of these texts were expressions");
}
