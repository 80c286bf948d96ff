//! The fold over the board: what is to be posted, who is waited for, who is to blame, what came out.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{
    Call, CeremonyError, ClassKeys, Fault, Me, Message, Outcome, Phase, Progress, Round, Step,
    board::{Board, Entry, Record},
    dkg::Share,
    holder::Holder,
    public::{self, Commitments},
    seal,
};
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    signed::Verified,
    suite::threshold::ThresholdKey,
};

/// One ceremony, as its call and the charter fix it.
#[derive(Clone, Debug)]
pub struct Ceremony {
    call: Verified<Call>,
    pub(super) present: Vec<Vec<[u8; 32]>>,
}

impl Ceremony {
    /// The ceremony of a call. For a refresh `present` holds the public keys of each class from the charter, the group key
    /// first; for new keys it is empty.
    pub fn new(call: Verified<Call>, present: &[Vec<[u8; 32]>]) -> Result<Ceremony, CeremonyError> {
        let c = call.payload();
        // CEREMONY-20: the refresh renews the shares of the keys that the call names.
        let renews = |(group, keys): (&[u8; 32], &Vec<[u8; 32]>)| {
            let same = keys.first() == Some(group) && keys.len() == c.holders.len() + 1;
            same && ThresholdKey::read(c.threshold, keys).is_ok()
        };
        if present.len() != c.keys.len() || !c.keys.iter().zip(present).all(renews) {
            return Err(CeremonyError::OtherKeys);
        }
        Ok(Ceremony { present: present.to_vec(), call })
    }

    /// The call's id.
    pub fn id(&self) -> Hash {
        self.call.id()
    }

    /// The call.
    pub fn call(&self) -> &Call {
        self.call.payload()
    }

    /// Looks at the board. The same board, seed and time give the same progress, byte for byte, in whatever order the
    /// messages came and however often.
    pub fn advance(
        &self,
        board: &[Verified<Message>],
        me: Option<Me<'_>>,
        now: Timestamp,
    ) -> Result<Progress, CeremonyError> {
        let me = me.map(|me| Holder::new(self, me)).transpose()?;
        let board = Board::sort(self, board);
        if let Some(me) = &me
            && let [message] = board.step(Step::Commit)[me.place].values().collect::<Vec<_>>()[..]
            && message.round != me.commit()?
        {
            return Err(CeremonyError::OtherSeed);
        }
        // CEREMONY-18: what all confirmed is done; nothing that comes later changes it.
        if let Some((record, keys)) = board.agreed(&self.id())
            && self.commitments(&record.commits).is_ok_and(|all| self.keys(&all).is_ok_and(|expected| expected == keys))
        {
            return self.done(&record, keys, me.as_ref());
        }
        let stand = Stand { board: &board, over: now >= self.call().deadline, me: me.as_ref() };
        self.commit(&stand)
    }

    fn commit(&self, stand: &Stand<'_>) -> Result<Progress, CeremonyError> {
        let mut verdict = Verdict::default();
        for (place, slot) in stand.board.step(Step::Commit).iter().enumerate() {
            verdict.slot(self.holder(place), slot.len());
            for message in slot.values().take(1).filter(|_| slot.len() == 1) {
                if let Err(fault) = self.read_commit(place, message) {
                    verdict.fault(message.holder, fault);
                }
            }
        }
        let own = |me: &Holder<'_>| me.commit();
        match self.judge(Phase::Commit, Step::Commit, verdict, stand, own)? {
            Some(progress) => Ok(progress),
            None => self.deal(stand),
        }
    }

    fn deal(&self, stand: &Stand<'_>) -> Result<Progress, CeremonyError> {
        // The step before is complete and without contradictions.
        let commits = stand.board.only(Step::Commit).ok_or(CeremonyError::Defect)?;
        let length = 32 * self.call().classes.len() + seal::OVERHEAD;
        let mut verdict = Verdict::default();
        for (place, slot) in stand.board.step(Step::Deal).iter().enumerate() {
            verdict.slot(self.holder(place), slot.len());
            let sizes = |message: &&Message| match &message.round {
                Round::Deal { sealed } => sealed.iter().all(|sealed| sealed.len() == length),
                _ => false,
            };
            if !slot.values().all(sizes) {
                verdict.fault(self.holder(place), Fault::BadPackage);
            }
        }
        let record = Record { commits, deals: Vec::new() };
        let own = |me: &Holder<'_>| me.deal(&record);
        match self.judge(Phase::Deal, Step::Deal, verdict, stand, own)? {
            Some(progress) => Ok(progress),
            None => self.answer(stand, record),
        }
    }

    fn answer(&self, stand: &Stand<'_>, record: Record<'_>) -> Result<Progress, CeremonyError> {
        let record = Record { deals: stand.board.only(Step::Deal).ok_or(CeremonyError::Defect)?, ..record };
        let all = self.commitments(&record.commits).map_err(|_| CeremonyError::Defect)?;
        let (transcript, keys) = (record.transcript(&self.id()), self.keys(&all)?);
        let mut verdict = Verdict::default();
        for (place, slot) in stand.board.step(Step::Answer).iter().enumerate() {
            let holder = self.holder(place);
            verdict.slot(holder, slot.len());
            for message in slot.values().take(1).filter(|_| slot.len() == 1) {
                match &message.round {
                    Round::Confirm { transcript: found, public_keys } => match (*found == transcript, stand.over) {
                        (true, _) if *public_keys == keys => {}
                        // Another transcript may come from a message that we have not seen yet, until the time is over.
                        (false, false) => verdict.undecided.push(holder),
                        _ => verdict.fault(holder, Fault::OtherResult), // CEREMONY-16
                    },
                    Round::Complain { against, deal, secret } => {
                        let from = self.place(*against)?;
                        if record.deals[from].0 == *deal {
                            let (culprit, fault) = self.complaint(&record, &all, from, place, secret);
                            verdict.fault(self.holder(culprit), fault);
                        } else if stand.over {
                            verdict.fault(holder, Fault::FalseComplaint); // CEREMONY-15: nobody has seen such a deal.
                        } else {
                            verdict.undecided.push(holder);
                        }
                    }
                    _ => return Err(CeremonyError::Defect),
                }
            }
        }
        let own = |me: &Holder<'_>| me.answer(&record, &all, transcript, &keys);
        // All there, all agreed: that was found before any round was looked at.
        self.judge(Phase::Confirm, Step::Answer, verdict, stand, own)?.ok_or(CeremonyError::Defect)
    }

    /// What follows from a step: `None` if it is complete and in order.
    fn judge(
        &self,
        phase: Phase,
        step: Step,
        mut verdict: Verdict,
        stand: &Stand<'_>,
        own: impl FnOnce(&Holder<'_>) -> Result<Round, CeremonyError>,
    ) -> Result<Option<Progress>, CeremonyError> {
        if stand.over {
            // CEREMONY-17
            std::mem::take(&mut verdict.missing).into_iter().for_each(|holder| verdict.fault(holder, Fault::Dropped));
        }
        if !verdict.faults.is_empty() {
            let faults = verdict.faults.into_iter().collect();
            return Ok(Some(Progress {
                phase: Phase::Void,
                waiting_for: Vec::new(),
                post: Vec::new(),
                faults,
                outcome: None,
            }));
        }
        if verdict.missing.is_empty() && verdict.undecided.is_empty() {
            return Ok(None);
        }
        // CEREMONY-19: one message a round, and none after a fault or the deadline.
        let silent = stand.me.filter(|me| stand.board.step(step)[me.place].is_empty());
        let mut post = Vec::new();
        if let Some(me) = silent {
            post.push(Message { ceremony: self.id(), holder: self.holder(me.place), round: own(me)? });
        }
        let mut waiting_for = [verdict.missing, verdict.undecided].concat();
        waiting_for.sort();
        Ok(Some(Progress { phase, waiting_for, post, faults: Vec::new(), outcome: None }))
    }

    fn done(
        &self,
        record: &Record<'_>,
        keys: &[Vec<[u8; 32]>],
        me: Option<&Holder<'_>>,
    ) -> Result<Progress, CeremonyError> {
        let shares = me.map(|me| me.shares(record, keys)).transpose()?;
        let keys = self.call().classes.iter().zip(keys);
        let keys = keys.map(|(class, keys)| ClassKeys { class: *class, public_keys: keys.clone() }).collect();
        let outcome = Some(Outcome { keys, shares });
        Ok(Progress { phase: Phase::Done, waiting_for: Vec::new(), post: Vec::new(), faults: Vec::new(), outcome })
    }

    /// Whether a complaint about what `from` dealt to `to` holds: who is to blame, and for what.
    fn complaint(
        &self,
        record: &Record<'_>,
        all: &[Vec<Commitments>],
        from: usize,
        to: usize,
        secret: &[u8; 32],
    ) -> (usize, Fault) {
        let revealed = seal::public(secret).as_ref() == record.receive_key(to);
        if !revealed || self.open(record, all, from, to, secret).is_some() {
            (to, Fault::FalseComplaint) // CEREMONY-15
        } else {
            (from, Fault::BadShare) // CEREMONY-14
        }
    }

    /// The shares that `from` dealt to `to`, one a class. `None` if they do not open or do not fit its commitments.
    pub(super) fn open(
        &self,
        record: &Record<'_>,
        all: &[Vec<Commitments>],
        from: usize,
        to: usize,
        secret: &[u8; 32],
    ) -> Option<Vec<Share>> {
        let (sender, receiver) = (self.holder(from), self.holder(to));
        let context = seal::Context { ceremony: &self.id(), sender, receiver };
        let opened = seal::open(secret, &context, record.sealed(from, to)?)?;
        let commitments = all.get(from)?;
        if opened.len() != 32 * commitments.len() {
            return None;
        }
        let number = number(to).ok()?;
        let share = |(bytes, commitments): (&[u8], &Commitments)| {
            let share = Zeroizing::new(<[u8; 32]>::try_from(bytes).ok()?);
            commitments.fits(number, &share).then_some(share)
        };
        opened.chunks_exact(32).zip(commitments).map(share).collect()
    }

    fn read_commit(&self, place: usize, message: &Message) -> Result<Vec<Commitments>, Fault> {
        let Round::Commit { receive_key, packages } = &message.round else { return Err(Fault::BadPackage) };
        if !seal::is_usable(receive_key) {
            return Err(Fault::BadPackage); // CEREMONY-12
        }
        let number = number(place).map_err(|_| Fault::BadPackage)?;
        packages.iter().map(|package| Commitments::read(self.call(), number, package)).collect()
    }

    /// All commitments, by holder and class.
    pub(super) fn commitments(&self, commits: &[Entry<'_>]) -> Result<Vec<Vec<Commitments>>, Fault> {
        commits.iter().enumerate().map(|(place, (_, message))| self.read_commit(place, message)).collect()
    }

    /// The public keys of each class that the commitments give.
    fn keys(&self, all: &[Vec<Commitments>]) -> Result<Vec<Vec<[u8; 32]>>, CeremonyError> {
        let call = self.call();
        let keys = |class: usize| {
            let present = self.present.get(class).map(Vec::as_slice);
            let commitments = all.iter().filter_map(|one| one.get(class));
            let keys = public::keys(commitments, call.holders.len(), present)?;
            let same = call.keys.get(class).is_none_or(|group| keys.first() == Some(group)); // CEREMONY-20
            (same && ThresholdKey::read(call.threshold, &keys).is_ok()).then_some(keys)
        };
        (0..call.classes.len()).map(keys).collect::<Option<_>>().ok_or(CeremonyError::NoKey)
    }

    pub(super) fn holder(&self, place: usize) -> MemberNumber {
        self.call().holders[place]
    }

    pub(super) fn place(&self, holder: MemberNumber) -> Result<usize, CeremonyError> {
        self.call().holders.binary_search(&holder).map_err(|_| CeremonyError::NotAHolder(holder))
    }
}

/// The number of the share of the holder at a place.
pub(super) fn number(place: usize) -> Result<u8, CeremonyError> {
    u8::try_from(place + 1).map_err(|_| CeremonyError::Defect)
}

/// What a step is judged by.
struct Stand<'a> {
    board: &'a Board<'a>,
    over: bool,
    me: Option<&'a Holder<'a>>,
}

/// What is known of a step.
#[derive(Default)]
struct Verdict {
    faults: BTreeMap<MemberNumber, Fault>,
    missing: Vec<MemberNumber>,
    undecided: Vec<MemberNumber>,
}

impl Verdict {
    /// Counts what a holder said.
    fn slot(&mut self, holder: MemberNumber, messages: usize) {
        match messages {
            0 => self.missing.push(holder),
            1 => {}
            _ => self.fault(holder, Fault::TwoMessages), // CEREMONY-11
        }
    }

    /// Blames a holder, once.
    fn fault(&mut self, holder: MemberNumber, fault: Fault) {
        self.faults.entry(holder).or_insert(fault);
    }
}
