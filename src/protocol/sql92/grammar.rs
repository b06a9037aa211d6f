//! Reads an expression, by one function for each level of the grammar that [`super`] draws.

use super::{
    SyntaxError,
    expression::{Expression, Search},
    token::{Token, Tokens},
};
use std::cmp::Ordering::{self, Equal, Greater, Less};

/// How deep parentheses, signs and comparisons in a row may lie in each other: reading and asking go as deep.
const MAX_DEPTH: usize = 100;
/// The words that cannot be names of properties.
const KEYWORDS: [&str; 9] = ["NOT", "AND", "OR", "BETWEEN", "IN", "TRUE", "FALSE", "NULL", "IS"];
const ORDERS: [(&str, &[Ordering]); 4] =
    [(">", &[Greater]), (">=", &[Greater, Equal]), ("<", &[Less]), ("<=", &[Less, Equal])];
const SEARCHES: [(&str, Search); 3] =
    [("CONTAINS", Search::Anywhere), ("STARTSWITH", Search::AtStart), ("ENDSWITH", Search::AtEnd)];

/// Reads a whole expression.
pub(super) fn read(text: &str) -> Result<Expression, SyntaxError> {
    let mut tokens = Tokens::of(text);
    let (token, at) = tokens.next()?;
    if token == Token::End {
        return Err(tokens.error(0, "the expression is empty"));
    }
    let mut reader = Reader { tokens, token, at, depth: 0 };
    let whole = reader.condition()?;
    let whole = reader.truth(whole)?;
    match reader.token {
        Token::End => Ok(whole.expression),
        Token::Sign(")") => Err(reader.wrong("this parenthesis closes none")),
        other => Err(reader.wrong(format!("expected AND, OR or the end, found {}", other.title()))),
    }
}

/// A part that is read.
struct Part {
    expression: Expression,
    /// The byte where it begins.
    at: usize,
    /// How many levels it has.
    height: usize,
}

struct Reader<'a> {
    tokens: Tokens<'a>,
    /// The first token that is not yet used, and where it begins.
    token: Token<'a>,
    at: usize,
    /// How many levels are being read.
    depth: usize,
}

type Read<T = Part> = Result<T, SyntaxError>;

impl<'a> Reader<'a> {
    fn condition(&mut self) -> Read {
        self.joined("OR", Self::conjunction, Expression::Any)
    }

    fn conjunction(&mut self) -> Read {
        self.joined("AND", Self::equality, Expression::All)
    }

    fn joined(&mut self, word: &str, part: fn(&mut Self) -> Read, join: fn(Vec<Expression>) -> Expression) -> Read {
        let first = part(self)?;
        if !self.token.is(word) {
            return Ok(first);
        }
        let (at, first) = (first.at, self.truth(first)?);
        let (mut conditions, mut height) = (vec![first.expression], first.height);
        while self.took(word)? {
            let next = part(self)?;
            let next = self.truth(next)?;
            conditions.push(next.expression);
            height = height.max(next.height);
        }
        self.part(join(conditions), at, height)
    }

    fn equality(&mut self) -> Read {
        let mut left = self.comparison()?;
        loop {
            let (at, height) = (left.at, left.height);
            left = if self.took_sign("=")? {
                self.equal(left)?
            } else if self.took_sign("<>")? {
                let equal = self.equal(left)?;
                self.not(equal, true)?
            } else if self.took("IS")? {
                let not = self.took("NOT")?;
                self.keyword("NULL")?;
                let equal = self.part(Expression::Equal(Box::new([left.expression, Expression::Null])), at, height)?;
                self.not(equal, not)?
            } else {
                return Ok(left);
            };
        }
    }

    fn equal(&mut self, left: Part) -> Read {
        let right = self.comparison()?;
        for part in [&left, &right] {
            if matches!(part.expression, Expression::Null) {
                return Err(self.tokens.error(part.at, "nothing equals NULL: write IS NULL or IS NOT NULL"));
            }
        }
        let constant = matches!(
            right.expression,
            Expression::Int(_) | Expression::Long(_) | Expression::Double(_) | Expression::Text(_)
        );
        if matches!(left.expression, Expression::Bool(_)) && constant {
            return Err(self.tokens.error(right.at, "TRUE and FALSE cannot be compared with this"));
        }
        let (at, height) = (left.at, left.height.max(right.height));
        self.part(Expression::Equal(Box::new([left.expression, right.expression])), at, height)
    }

    fn comparison(&mut self) -> Read {
        let mut left = self.signed()?;
        loop {
            if let Some((sign, orders)) = ORDERS.iter().find(|(sign, _)| self.token == Token::Sign(sign)) {
                self.took_sign(sign)?;
                let right = self.signed()?;
                left = self.ordered(left, right, orders)?;
                continue;
            }
            let not = self.took("NOT")?;
            let at = self.at;
            if self.took("BETWEEN")? {
                left = self.between(left, not)?;
            } else if self.took("IN")? {
                left = self.among(left, not)?;
            } else if let Some((word, how)) = SEARCHES.iter().find(|(word, _)| self.token.is(word)) {
                self.took(word)?;
                let text = self.text()?;
                let (at, height) = (left.at, left.height);
                let search = Expression::Search { how: *how, within: Box::new(left.expression), text, not };
                left = self.part(search, at, height)?;
            } else if not {
                let expected = "expected BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH after NOT";
                return Err(self.tokens.error(at, format!("{expected}, found {}", self.token.title())));
            } else {
                return Ok(left);
            }
        }
    }

    fn ordered(&self, left: Part, right: Part, orders: &'static [Ordering]) -> Read {
        for part in [&left, &right] {
            let what = match part.expression {
                Expression::Int(_) | Expression::Long(_) | Expression::Double(_) => continue,
                Expression::Property(_) | Expression::Negated(_) => continue,
                Expression::Text(_) => "a text",
                Expression::Null => "NULL",
                _ => "a condition",
            };
            return Err(self
                .tokens
                .error(part.at, format!("{what} is not less or more than anything, only numbers are")));
        }
        let (at, height) = (left.at, left.height.max(right.height));
        self.part(Expression::Ordered(Box::new([left.expression, right.expression]), orders), at, height)
    }

    /// `left BETWEEN low AND high`: two comparisons.
    fn between(&mut self, left: Part, not: bool) -> Read {
        let low = self.signed()?;
        self.keyword("AND")?;
        let high = self.signed()?;
        let (at, height) = (left.at, left.height);
        if !not && as_double(&low).zip(as_double(&high)).is_some_and(|(low, high)| low > high) {
            return Err(self.tokens.error(low.at, "nothing is between these: the first is more than the second"));
        }
        let again = Part { expression: left.expression.clone(), at, height };
        // By what a negated one is outside, a plain one is inside.
        let (below, above): (&[Ordering], &[Ordering]) =
            if not { (&[Less], &[Greater]) } else { (&[Greater, Equal], &[Less, Equal]) };
        let (low, high) = (self.ordered(left, low, below)?, self.ordered(again, high, above)?);
        let height = low.height.max(high.height);
        let both = vec![low.expression, high.expression];
        self.part(if not { Expression::Any(both) } else { Expression::All(both) }, at, height)
    }

    fn among(&mut self, left: Part, not: bool) -> Read {
        let (at, height) = (left.at, left.height);
        let Expression::Property(property) = left.expression else {
            return Err(self.tokens.error(at, "expected a property before IN"));
        };
        self.sign("(")?;
        let mut texts = vec![self.text()?];
        while self.took_sign(",")? {
            texts.push(self.text()?);
        }
        self.sign(")")?;
        texts.sort_unstable();
        self.part(Expression::Among { property, texts, not }, at, height)
    }

    fn signed(&mut self) -> Read {
        let at = self.at;
        self.depth += 1;
        self.bounded(self.depth, at)?;
        let part = if self.took_sign("+")? {
            Part { at, ..self.signed()? }
        } else if self.took_sign("-")? {
            let of = self.signed()?;
            self.part(Expression::Negated(Box::new(of.expression)), at, of.height)?
        } else if self.took("NOT")? {
            let of = self.signed()?;
            let of = self.truth(of)?;
            Part { at, ..self.not(of, true)? }
        } else {
            self.value()?
        };
        self.depth -= 1;
        Ok(part)
    }

    fn value(&mut self) -> Read {
        let (token, at) = (self.token, self.at);
        let expression = match token {
            Token::Sign("(") => {
                self.take()?;
                let inside = self.condition()?;
                self.sign(")")?;
                return Ok(Part { at, ..inside });
            }
            Token::Text(raw) => Expression::Text(unquoted(raw)),
            Token::Whole(digits) => match (digits.parse(), digits.parse()) {
                (Ok(value), _) => Expression::Int(value),
                (_, Ok(value)) => Expression::Long(value),
                _ => return Err(self.wrong(format!("{digits} is more than the largest whole number, {}", i64::MAX))),
            },
            Token::Fraction(digits) => match digits.parse::<f64>() {
                Ok(value) if value.is_finite() => Expression::Double(value),
                _ => return Err(self.wrong("this is more than the largest number with a fraction")),
            },
            _ if token.is("TRUE") => Expression::Bool(true),
            _ if token.is("FALSE") => Expression::Bool(false),
            _ if token.is("NULL") => Expression::Null,
            Token::Word(name) if !KEYWORDS.iter().any(|word| token.is(word)) => Expression::Property(name.into()),
            Token::Sign("=") => return Err(self.wrong("equal is =, once, and not equal is <>")),
            _ => return Err(self.wrong(format!("expected a property, a value or \"(\", found {}", token.title()))),
        };
        self.take()?;
        self.part(expression, at, 0)
    }

    /// `part` as a condition.
    fn truth(&self, part: Part) -> Read {
        let Part { expression, at, height } = part;
        match expression {
            Expression::Property(_) => self.part(Expression::Truth(Box::new(expression)), at, height),
            Expression::Int(_)
            | Expression::Long(_)
            | Expression::Double(_)
            | Expression::Text(_)
            | Expression::Negated(_) => Err(self.tokens.error(at, "this is a value, and a condition is needed")),
            condition => Ok(Part { expression: condition, at, height }),
        }
    }

    fn not(&self, part: Part, not: bool) -> Read {
        if !not {
            return Ok(part);
        }
        self.part(Expression::Not(Box::new(part.expression)), part.at, part.height)
    }

    /// A part that has others below it, the highest of which has `below` levels.
    fn part(&self, expression: Expression, at: usize, below: usize) -> Read {
        self.bounded(below, at)?;
        Ok(Part { expression, at, height: below + 1 })
    }

    fn bounded(&self, depth: usize, at: usize) -> Result<(), SyntaxError> {
        if depth < MAX_DEPTH {
            return Ok(());
        }
        Err(self.tokens.error(at, format!("this is nested more than {MAX_DEPTH} deep")))
    }

    fn text(&mut self) -> Read<Box<str>> {
        let Token::Text(raw) = self.token else {
            return Err(self.wrong(format!("expected a text in single quotes, found {}", self.token.title())));
        };
        self.take()?;
        Ok(unquoted(raw))
    }

    fn keyword(&mut self, word: &str) -> Read<()> {
        if self.took(word)? {
            Ok(())
        } else {
            Err(self.wrong(format!("expected {word}, found {}", self.token.title())))
        }
    }

    fn sign(&mut self, sign: &'static str) -> Read<()> {
        if self.took_sign(sign)? {
            return Ok(());
        }
        Err(self.wrong(format!("expected \"{sign}\", found {}", self.token.title())))
    }

    fn took(&mut self, word: &str) -> Read<bool> {
        self.took_if(self.token.is(word))
    }

    fn took_sign(&mut self, sign: &'static str) -> Read<bool> {
        self.took_if(self.token == Token::Sign(sign))
    }

    fn took_if(&mut self, it_is: bool) -> Read<bool> {
        if it_is {
            self.take()?;
        }
        Ok(it_is)
    }

    fn take(&mut self) -> Read<()> {
        (self.token, self.at) = self.tokens.next()?;
        Ok(())
    }

    /// The error of the present token.
    fn wrong(&self, reason: impl Into<String>) -> SyntaxError {
        self.tokens.error(self.at, reason)
    }
}

fn unquoted(raw: &str) -> Box<str> {
    raw.replace("''", "'").into()
}

fn as_double(part: &Part) -> Option<f64> {
    match part.expression {
        Expression::Int(value) => Some(value.into()),
        Expression::Long(value) => Some(value as f64),
        Expression::Double(value) => Some(value),
        _ => None,
    }
}
