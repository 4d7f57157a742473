//! A Rust source file as tokens with their lines: comments and literals are gone, so no rule trips over prose.

use std::ops::RangeInclusive;
use std::path::Path;

/// One token: an identifier, a number, `::`, or a single other character.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// One file of the house.
pub(crate) struct Source {
    /// The path from the root of the tree, with `/` between folders.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
    /// Lines that only a test build compiles.
    tests: Vec<RangeInclusive<usize>>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let tokens = tokenize(text);
        let lines = text.lines().count().max(1);
        let is_tests = path.ends_with("/tests.rs") || path.contains("/tests/");
        let tests = if is_tests { vec![1..=lines] } else { test_regions(&tokens, lines) };
        Self { path: path.to_owned(), text: text.to_owned(), tokens, tests }
    }

    pub(crate) fn read(root: &Path, file: &Path) -> Self {
        let path = file.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        Self::new(&path, &std::fs::read_to_string(file).unwrap())
    }

    /// The folder under `src/`, or `None` for a file of `src/` itself.
    pub(crate) fn room(&self) -> Option<&str> {
        self.path.strip_prefix("src/")?.split_once('/').map(|(room, _)| room)
    }

    /// Whether `line` is compiled in test builds only.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.tests.iter().any(|region| region.contains(&line))
    }

    /// How many modules deep the file's own items live: 1 in `src/room/mod.rs`, 2 in `src/room/file.rs`.
    pub(crate) fn depth(&self) -> usize {
        let parts = self.path.split('/').count().saturating_sub(1);
        if self.path.ends_with("/mod.rs") { parts.saturating_sub(1) } else { parts }
    }

    /// Lines that hold code and are not test code.
    pub(crate) fn code_lines(&self) -> usize {
        self.lines_with_tokens(0, self.tokens.len())
    }

    /// Lines of code, outside tests, among the tokens `from..to`.
    pub(crate) fn lines_with_tokens(&self, from: usize, to: usize) -> usize {
        let mut lines: Vec<usize> = self.tokens[from..to].iter().map(|token| token.line).collect();
        lines.dedup();
        lines.iter().filter(|line| !self.is_test(**line)).count()
    }

    pub(crate) fn at(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| token.text.as_str())
    }

    pub(crate) fn line(&self, index: usize) -> usize {
        self.tokens.get(index).map_or(0, |token| token.line)
    }

    /// Whether the tokens from `index` on read `expected`.
    pub(crate) fn reads(&self, index: usize, expected: &[&str]) -> bool {
        expected.iter().enumerate().all(|(offset, text)| self.at(index + offset) == *text)
    }

    /// The names that follow `path ::` at `index`: one for `a::b`, several for `a::{b, c::d}`.
    pub(crate) fn names_after(&self, index: usize) -> Vec<(String, usize)> {
        if self.at(index + 1) != "::" {
            return vec![(String::new(), self.line(index))];
        }
        if self.at(index + 2) != "{" {
            return vec![(self.at(index + 2).to_owned(), self.line(index + 2))];
        }
        let mut names = Vec::new();
        let (mut depth, mut cursor, mut expecting) = (1, index + 3, true);
        while depth > 0 && cursor < self.tokens.len() {
            match self.at(cursor) {
                "{" => depth += 1,
                "}" => depth -= 1,
                "," if depth == 1 => expecting = true,
                name if depth == 1 && expecting => {
                    names.push((name.to_owned(), self.line(cursor)));
                    expecting = false;
                }
                _ => {}
            }
            cursor += 1;
        }
        names
    }
}

/// The index after the bracket that closes the one at `open`.
pub(crate) fn after_match(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// Finds `#[cfg(test)]` items, and `#![cfg(test)]` files.
fn test_regions(tokens: &[Token], lines: usize) -> Vec<RangeInclusive<usize>> {
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let mut regions = Vec::new();
    for index in 0..tokens.len() {
        let inner = text(index) == "#" && text(index + 1) == "!";
        let bracket = index + 1 + usize::from(inner);
        let cfg = ["[", "cfg", "("].iter().enumerate().all(|(offset, want)| text(bracket + offset) == *want);
        let test = text(bracket + 3) == "test" || (text(bracket + 3) == "all" && text(bracket + 5) == "test");
        if text(index) != "#" || !cfg || !test {
            continue;
        }
        if inner {
            return vec![1..=lines];
        }
        let mut cursor = after_match(tokens, bracket);
        while cursor < tokens.len() && text(cursor) != ";" {
            let body = text(cursor) == "{";
            cursor = if "([{".contains(text(cursor)) { after_match(tokens, cursor) } else { cursor + 1 };
            if body {
                cursor -= 1;
                break;
            }
        }
        let last = tokens.get(cursor).map_or(lines, |token| token.line);
        regions.push(tokens[index].line..=last);
    }
    regions
}

fn tokenize(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { chars, at: 0, line: 1 };
    let mut tokens = Vec::new();
    while let Some(c) = lexer.peek(0) {
        let line = lexer.line;
        if c.is_whitespace() {
            lexer.skip(1);
        } else if c == '/' && lexer.peek(1) == Some('/') {
            lexer.skip_while(|c| c != '\n');
        } else if c == '/' && lexer.peek(1) == Some('*') {
            lexer.block_comment();
        } else if let Some(hashes) = lexer.raw_string() {
            lexer.skip_raw(hashes);
            tokens.push(Token { text: "\"\"".to_owned(), line });
        } else if c == '"' || ((c == 'b' || c == 'c') && lexer.peek(1) == Some('"')) {
            lexer.skip(if c == '"' { 1 } else { 2 });
            lexer.skip_quoted('"');
            tokens.push(Token { text: "\"\"".to_owned(), line });
        } else if c == '\'' {
            lexer.quote();
        } else if c.is_alphanumeric() || c == '_' {
            let word = lexer.word();
            tokens.push(Token { text: word, line });
        } else if c == ':' && lexer.peek(1) == Some(':') {
            lexer.skip(2);
            tokens.push(Token { text: "::".to_owned(), line });
        } else {
            lexer.skip(1);
            tokens.push(Token { text: c.to_string(), line });
        }
    }
    tokens
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.line += usize::from(self.peek(0) == Some('\n'));
            self.at += 1;
        }
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.skip(1);
        }
    }

    fn word(&mut self) -> String {
        if self.peek(0) == Some('r') && self.peek(1) == Some('#') {
            self.skip(2);
        }
        let from = self.at;
        self.skip_while(|c| c.is_alphanumeric() || c == '_');
        self.chars[from..self.at].iter().collect()
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('/', Some('*')) => (depth, _) = (depth + 1, self.skip(2)),
                ('*', Some('/')) => (depth, _) = (depth - 1, self.skip(2)),
                _ => self.skip(1),
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// The number of hashes, when a raw string starts here.
    fn raw_string(&self) -> Option<usize> {
        let prefix = match (self.peek(0), self.peek(1)) {
            (Some('r'), _) => 1,
            (Some('b' | 'c'), Some('r')) => 2,
            _ => return None,
        };
        let hashes = (prefix..).take_while(|ahead| self.peek(*ahead) == Some('#')).count();
        (self.peek(prefix + hashes) == Some('"')).then_some(hashes)
    }

    fn skip_raw(&mut self, hashes: usize) {
        self.skip_while(|c| c != '"');
        self.skip(1);
        while let Some(c) = self.peek(0) {
            self.skip(1);
            if c == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.skip(hashes);
                return;
            }
        }
    }

    fn skip_quoted(&mut self, end: char) {
        while let Some(c) = self.peek(0) {
            self.skip(if c == '\\' { 2 } else { 1 });
            if c == end {
                return;
            }
        }
    }

    /// A character literal is dropped whole; of a lifetime only the quote is.
    fn quote(&mut self) {
        let literal = self.peek(1) == Some('\\') || self.peek(2) == Some('\'');
        self.skip(1);
        if literal {
            self.skip_quoted('\'');
        }
    }
}
