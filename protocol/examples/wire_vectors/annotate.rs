//! CBOR as annotated hex: one item a line, with the name of its field.

/// What an item is made of, as far as names go.
#[derive(Clone)]
pub enum Shape {
    /// No names inside.
    Plain,
    /// A map: key, name and shape of each field.
    Map(Vec<(u64, &'static str, Shape)>),
    /// An array of named items; items past the end take the last name.
    Tuple(Vec<(&'static str, Shape)>),
    /// An array of items of one shape.
    Each(&'static str, Box<Shape>),
    /// A byte string that holds CBOR itself.
    Inside(Box<Shape>),
}

pub fn each(name: &'static str, shape: Shape) -> Shape {
    Shape::Each(name, Box::new(shape))
}

pub fn inside(shape: Shape) -> Shape {
    Shape::Inside(Box::new(shape))
}

/// The whole of `bytes`, which may be a sequence of items, one item a line.
pub fn annotate(bytes: &[u8], name: &str, shape: &Shape) -> String {
    let mut page = Page { bytes, at: 0, text: String::new() };
    while page.at < bytes.len() {
        page.item(0, String::new(), name, shape);
    }
    page.text
}

/// Plain lines of 32 bytes.
pub fn lines(bytes: &[u8]) -> String {
    bytes.chunks(32).map(|line| format!("{}\n", hex::encode(line))).collect()
}

struct Page<'a> {
    bytes: &'a [u8],
    at: usize,
    text: String,
}

impl Page<'_> {
    fn line(&mut self, depth: usize, code: &str, comment: &str) {
        let code = format!("{}{code}", "  ".repeat(depth));
        let line = if comment.is_empty() { code } else { format!("{code:<22}  # {comment}") };
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn head(&mut self) -> (u8, u64, String) {
        let (start, first) = (self.at, self.bytes[self.at]);
        let extra = if first & 31 < 24 { 0 } else { 1 << ((first & 31) - 24) };
        let tail = &self.bytes[start + 1..start + 1 + extra];
        let value = tail.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        self.at += 1 + extra;
        let value = if extra == 0 { u64::from(first & 31) } else { value };
        (first >> 5, value, hex::encode(&self.bytes[start..self.at]))
    }

    fn item(&mut self, depth: usize, key: String, name: &str, shape: &Shape) {
        let (major, value, head) = self.head();
        let code = format!("{key}{head}");
        match major {
            0 => self.line(depth, &code, &format!("{name}: {value}")),
            1 => self.line(depth, &code, &format!("{name}: -{}", value + 1)),
            2 => self.string(depth, code, name, value as usize, shape),
            3 => {
                let raw = &self.bytes[self.at..self.at + value as usize];
                let (hex, text) = (hex::encode(raw), String::from_utf8_lossy(raw).into_owned());
                self.at += raw.len();
                self.line(depth, &format!("{code}{hex}"), &format!("{name}: \"{text}\""));
            }
            4 => {
                self.line(depth, &code, &format!("{name}: array of {value}"));
                for index in 0..value as usize {
                    let (name, shape) = match shape {
                        Shape::Tuple(names) => names[index.min(names.len() - 1)].clone(),
                        Shape::Each(name, shape) => (*name, (**shape).clone()),
                        _ => ("item", Shape::Plain),
                    };
                    self.item(depth + 1, String::new(), name, &shape);
                }
            }
            7 => self.line(depth, &code, name),
            _ => {
                self.line(depth, &code, &format!("{name}: map of {value}"));
                for _ in 0..value {
                    let (_, key, head) = self.head();
                    let found = match shape {
                        Shape::Map(fields) => fields.iter().find(|(k, ..)| *k == key),
                        _ => None,
                    };
                    let (name, shape) =
                        found.map_or(("unnamed", Shape::Plain), |(_, name, shape)| (*name, shape.clone()));
                    self.item(depth + 1, head, name, &shape);
                }
            }
        }
    }

    fn string(&mut self, depth: usize, code: String, name: &str, len: usize, shape: &Shape) {
        let raw = self.bytes[self.at..self.at + len].to_vec();
        self.at += len;
        if let Shape::Inside(shape) = shape {
            self.line(depth, &code, &format!("{name}: {len} bytes of CBOR"));
            let mut page = Page { bytes: &raw, at: 0, text: String::new() };
            while page.at < raw.len() {
                page.item(depth + 1, String::new(), "inside", shape);
            }
            self.text.push_str(&page.text);
        } else if len <= 32 {
            self.line(depth, &format!("{code}{}", hex::encode(&raw)), name);
        } else {
            self.line(depth, &code, &format!("{name}: {len} bytes"));
            raw.chunks(32).for_each(|line| self.line(depth + 1, &hex::encode(line), ""));
        }
    }
}
