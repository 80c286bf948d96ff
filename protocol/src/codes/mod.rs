//! The codes of the domain: stable numbers on the wire, stable codes and names in Chinese and English for people.
//!
//! docs/DOMAIN.md explains them; the numbers never change and are never reused.

mod life;
mod tables;

pub use life::{
    CommitmentStep, DeclineReason, DisputeReason, DisputeStep, Duty, Measure, NoticeStep, Outcome, Response,
    RulingReason, State,
};
pub use tables::{Conduct, Direction, List, Reason, Role, Severity};

/// Declares one code table: an enum with its wire numbers, codes and names.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $number:literal, $code:literal, $zh:literal, $en:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = concat!($zh, ": ", $en)] $variant = $number,)+
        }

        impl $name {
            /// All codes, in the order of their numbers.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The number on the wire.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The code with this wire number.
            pub const fn from_number(number: u8) -> Option<$name> {
                match number {
                    $($number => Some($name::$variant),)+
                    _ => None,
                }
            }

            /// The code as people write it.
            pub const fn code(self) -> &'static str {
                match self { $($name::$variant => $code,)+ }
            }

            /// The Chinese name.
            pub const fn zh(self) -> &'static str {
                match self { $($name::$variant => $zh,)+ }
            }

            /// The English name.
            pub const fn en(self) -> &'static str {
                match self { $($name::$variant => $en,)+ }
            }

            /// Finds a code by its code (any case), its Chinese name or one of that name's parts around `/`, its English
            /// name (any case) or its number.
            pub fn parse(text: &str) -> Option<$name> {
                let text = text.trim();
                $name::ALL.iter().copied().find(|c| {
                    c.code().eq_ignore_ascii_case(text)
                        || c.zh() == text
                        || c.zh().split('/').any(|part| part == text)
                        || c.en().eq_ignore_ascii_case(text)
                        || text.parse() == Ok(c.number())
                })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.code())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.code())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                $name::parse(&text).ok_or_else(|| {
                    serde::de::Error::custom(concat!("not a known code of ", stringify!($name)))
                })
            }
        }
    };
}
pub(crate) use codes;

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! round_trip {
        ($($name:ident),+) => { $(
            for code in $name::ALL {
                assert_eq!($name::from_number(code.number()), Some(*code));
                for text in [code.code(), code.zh(), code.en()] {
                    assert_eq!($name::parse(text), Some(*code), "{text}");
                }
            }
            assert_eq!($name::from_number(0), None);
            assert_eq!($name::parse(""), None);
        )+ };
    }

    #[test]
    fn every_code_is_found_by_number_code_and_both_names() {
        round_trip!(List, Conduct, Role, Direction, Severity, Reason);
        round_trip!(NoticeStep, CommitmentStep, DisputeStep, DisputeReason, Outcome, RulingReason, Measure, Response);
        round_trip!(DeclineReason, State, Duty);
        assert_eq!(Conduct::parse("虚构交易"), Some(Conduct::C01));
    }
}
