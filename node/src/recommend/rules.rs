//! The rules themselves: a listing as the rules see it, and what they make of all listings of one subject.

use std::sync::Arc;

use antibrush_protocol::{
    codes::{Conduct, List, Role, Severity, State},
    subject::Class,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the risk system is advised to do, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Go on as if there were nothing.
    Ignore,
    /// Go on, and look at what the subject does.
    Watch,
    /// Have a person decide.
    #[default]
    Review,
    /// Refuse.
    Block,
}

impl Action {
    /// All of them, from the weakest.
    pub const ALL: [Action; 4] = [Action::Ignore, Action::Watch, Action::Review, Action::Block];

    /// As files and answers have it.
    pub const fn code(self) -> &'static str {
        match self {
            Action::Ignore => "ignore",
            Action::Watch => "watch",
            Action::Review => "review",
            Action::Block => "block",
        }
    }

    /// The Chinese name.
    pub const fn zh(self) -> &'static str {
        match self {
            Action::Ignore => "忽略",
            Action::Watch => "关注",
            Action::Review => "复核",
            Action::Block => "拦截",
        }
    }

    /// Reads either.
    pub fn parse(text: &str) -> Option<Action> {
        let text = text.trim();
        Action::ALL.into_iter().find(|action| action.code().eq_ignore_ascii_case(text) || action.zh() == text)
    }
}

/// Where a listing stands, in one word: what takes its force comes before its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// None of the others.
    State(State),
    /// A dispute of it is open.
    Disputed,
    /// A dispute of it went unanswered past the hard stop.
    Suspended,
    /// A ruling has taken its force.
    Struck,
}

impl Standing {
    /// Every word that a rule may use.
    pub fn all() -> impl Iterator<Item = Standing> {
        let states = State::ALL.iter().copied().map(Standing::State);
        states.chain([Standing::Disputed, Standing::Suspended, Standing::Struck])
    }

    /// As files and answers have it.
    pub const fn code(self) -> &'static str {
        match self {
            Standing::State(state) => state.code(),
            Standing::Disputed => "disputed",
            Standing::Suspended => "suspended",
            Standing::Struck => "struck",
        }
    }

    /// The Chinese name.
    pub const fn zh(self) -> &'static str {
        match self {
            Standing::State(state) => state.zh(),
            Standing::Disputed => "异议中",
            Standing::Suspended => "暂停效力",
            Standing::Struck => "裁定失效",
        }
    }

    /// Reads either.
    pub fn parse(text: &str) -> Option<Standing> {
        let text = text.trim();
        Standing::all().find(|standing| standing.code().eq_ignore_ascii_case(text) || standing.zh() == text)
    }
}

/// A listing, as far as rules look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing<'a> {
    /// The list.
    pub list: List,
    /// The conduct.
    pub conduct: Conduct,
    /// How grave.
    pub severity: Severity,
    /// The part taken.
    pub role: Option<Role>,
    /// Where it stands, without disputes.
    pub state: State,
    /// The publisher's short name; none where the charter keeps that to itself.
    pub source: Option<&'a str>,
    /// How many members under different control list the same conduct.
    pub members: usize,
    /// Whether a member may act on it.
    pub enforceable: bool,
    /// Whether a dispute of it is open.
    pub disputed: bool,
    /// Whether a dispute of it went unanswered past the hard stop.
    pub suspended: bool,
    /// Whether a ruling has taken its force.
    pub struck: bool,
    /// Whether the subject bears a victim mark.
    pub victim: bool,
}

impl Listing<'_> {
    /// Where it stands, with disputes.
    pub fn standing(&self) -> Standing {
        match (self.struck, self.suspended, self.disputed) {
            (true, ..) => Standing::Struck,
            (_, true, _) => Standing::Suspended,
            (.., true) => Standing::Disputed,
            _ => Standing::State(self.state),
        }
    }
}

/// Who is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The class.
    pub class: Class,
    /// Whether it counts as a natural person's; a sole trader does, too.
    pub personal: bool,
}

/// What a rule asks of a listing. Empty: it does not ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: Arc<str>,
    /// On one of these lists. Empty: on any list of the alliance's own; statutory lists are matched by name alone.
    pub list: Vec<List>,
    /// For one of these kinds of conduct.
    pub conduct: Vec<Conduct>,
    /// This grave.
    pub severity: Vec<Severity>,
    /// Standing so.
    pub state: Vec<Standing>,
    /// By one of these publishers.
    pub source: Vec<String>,
    /// A subject of one of these classes.
    pub class: Vec<Class>,
    /// In one of these roles.
    pub role: Vec<Role>,
    /// Listed for the same conduct by at least so many.
    pub min_members: usize,
    /// What is recommended then.
    pub then: Action,
}

impl Rule {
    fn matches(&self, of: Asked, listing: &Listing<'_>) -> bool {
        fn is_one<T: PartialEq>(wanted: &[T], found: &T) -> bool {
            wanted.is_empty() || wanted.contains(found)
        }
        // 国办发〔2020〕49号: what a rule says of the alliance's own lists it does not say of statutory ones.
        let list = if self.list.is_empty() { !listing.list.is_statutory() } else { self.list.contains(&listing.list) };
        list && is_one(&self.conduct, &listing.conduct)
            && is_one(&self.severity, &listing.severity)
            && is_one(&self.state, &listing.standing())
            && (self.source.is_empty() || listing.source.is_some_and(|slug| self.source.iter().any(|s| s == slug)))
            && is_one(&self.class, &of.class)
            && (self.role.is_empty() || listing.role.is_some_and(|role| self.role.contains(&role)))
            && listing.members >= self.min_members
    }
}

/// Whether answers carry recommendations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// They do.
    #[default]
    Active,
    /// They do not: the node counts what it would have recommended.
    Shadow,
}

impl Mode {
    /// As the file has it.
    pub const fn code(self) -> &'static str {
        match self {
            Mode::Active => "active",
            Mode::Shadow => "shadow",
        }
    }
}

/// What may be recommended at most against natural persons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Persons {
    /// `review`: a person decides (个人信息保护法 art. 24).
    #[default]
    AtMostReview,
    /// `block`: the platform has said in words that whoever is blocked can have it reviewed.
    MayBeBlockedWithoutReview,
}

/// Why less is recommended than the rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cap {
    /// A victim mark protects the subject.
    Victim,
    /// Nobody may act on the listing: reported alone, disputed, lapsed, rectified, …
    NotEnforceable,
    /// The subject counts as a natural person.
    Person,
}

/// What a policy makes of one listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What is recommended.
    pub action: Action,
    /// The place of the rule; none if no rule matched.
    pub rule: Option<usize>,
    /// Why it is less than the rule says.
    pub cap: Option<Cap>,
}

/// The listing that a recommendation comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Ground {
    /// Its place among the answer's listings, from 0.
    pub listing: usize,
    /// The list.
    #[schema(value_type = String, example = "CXH")]
    pub list: List,
    /// Whether it is a statutory list, never to be shown as the alliance's own.
    pub statutory: bool,
    /// The name of the rule that matched; `otherwise` if none did.
    #[schema(value_type = String, example = "confirmed and severe")]
    pub rule: Arc<str>,
    /// Its number in the file, from 1; absent if no rule matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<usize>,
    /// Why less is recommended than the rule says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capped: Option<Cap>,
}

/// What the risk system is advised to do. An input for its decision, not the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Recommendation {
    /// What to do.
    pub action: Action,
    /// The listings that it comes from: all for which it is the strongest. Empty for an override of an unlisted subject.
    pub from: Vec<Ground>,
    /// Whether more would be recommended if the subject did not count as a natural person.
    pub capped_by_person: bool,
    /// Whether a victim mark protects the subject.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub victim: bool,
    /// Whether an override of this platform for this subject decided.
    #[serde(rename = "override")]
    pub by_override: bool,
    /// The override's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_number: Option<u64>,
}

/// What the platform decided for one subject, against the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The override's number.
    pub number: u64,
    /// What it says.
    pub action: Action,
}

/// The rules of a platform, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether answers carry recommendations.
    pub mode: Mode,
    /// The rules.
    pub rules: Vec<Rule>,
    /// What is recommended for a listing that no rule matches.
    pub otherwise: Action,
    /// What may be recommended at most against natural persons.
    pub persons: Persons,
}

impl Policy {
    /// What the policy makes of one listing: the first rule that matches, then the ceilings, which no rule lifts.
    pub fn judge(&self, of: Asked, listing: &Listing<'_>) -> Judged {
        let rule = self.rules.iter().position(|rule| rule.matches(of, listing));
        let wanted = rule.map_or(self.otherwise, |at| self.rules[at].then);
        let (action, cap) = self.ceiling(of, listing);
        if wanted > action { Judged { action, rule, cap } } else { Judged { action: wanted, rule, cap: None } }
    }

    /// What may be recommended at most, and why.
    fn ceiling(&self, of: Asked, listing: &Listing<'_>) -> (Action, Option<Cap>) {
        if listing.victim {
            (Action::Ignore, Some(Cap::Victim))
        } else if !listing.enforceable {
            (Action::Review, Some(Cap::NotEnforceable))
        } else if self.spares(of) {
            (Action::Review, Some(Cap::Person))
        } else {
            (Action::Block, None)
        }
    }

    /// Whether the subject is a person's, whom nobody blocks without a review.
    pub fn spares(&self, of: Asked) -> bool {
        of.personal && self.persons == Persons::AtMostReview
    }

    /// What to do about a subject with these listings, in the order of the answer: the strongest that is recommended for one
    /// of them, or what was decided for the subject. `None` where there is neither a listing nor a decision.
    pub fn recommend(&self, of: Asked, listings: &[Listing<'_>], decided: Option<Decided>) -> Option<Recommendation> {
        let judged: Vec<Judged> = listings.iter().map(|listing| self.judge(of, listing)).collect();
        let victim = listings.iter().any(|listing| listing.victim);
        if let Some(decided) = decided {
            return Some(self.overridden(of, victim, decided));
        }
        let action = judged.iter().map(|judged| judged.action).max()?;
        let strongest = judged.iter().enumerate().filter(|(_, judged)| judged.action == action);
        let from: Vec<Ground> = strongest.map(|(at, judged)| self.ground(at, &listings[at], judged)).collect();
        let capped_by_person = from.iter().any(|ground| ground.capped == Some(Cap::Person));
        Some(Recommendation { action, from, capped_by_person, victim, by_override: false, override_number: None })
    }

    /// A decision of the platform's own outranks the rules; what protects persons and victims outranks it.
    fn overridden(&self, of: Asked, victim: bool, decided: Decided) -> Recommendation {
        let spared = self.spares(of);
        let most = if spared || victim { Action::Review } else { Action::Block };
        Recommendation {
            action: decided.action.min(most),
            from: Vec::new(),
            capped_by_person: spared && decided.action > most,
            victim,
            by_override: true,
            override_number: Some(decided.number),
        }
    }

    fn ground(&self, at: usize, listing: &Listing<'_>, judged: &Judged) -> Ground {
        let rule = judged.rule.map(|at| &self.rules[at]);
        Ground {
            listing: at,
            list: listing.list,
            statutory: listing.list.is_statutory(),
            rule: rule.map_or_else(|| OTHERWISE.into(), |rule| rule.name.clone()),
            number: judged.rule.map(|at| at + 1),
            capped: judged.cap,
        }
    }
}

/// What stands in place of a rule's name where none matched.
const OTHERWISE: &str = "otherwise";
