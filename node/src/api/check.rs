//! Checks of one subject and of many.

use std::{borrow::Cow, sync::Arc, time::Instant};

use antibrush_protocol::{
    base::Day,
    entry::{Entry, sealed},
    feed::Leaf,
    subject::{Class, Subject},
};
use axum::{
    Json,
    body::Bytes,
    extract::{
        State,
        rejection::{BytesRejection, JsonRejection},
    },
    http::header,
    response::{IntoResponse, Response},
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{
    App, Problem,
    auth::{CHECK, Caller},
    recommend::advise,
};
use crate::{
    check::{Answer, Context, Freshness},
    storage::{
        Store,
        table::{Reader, Row},
    },
    tokens::{Derivations, TokenError},
};

/// One question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckRequest {
    /// The class of the identifier.
    #[schema(value_type = String, example = "MOB")]
    class: Class,
    /// The identifier, as a person writes it. It never leaves the process.
    #[schema(example = "138 0013 8000")]
    id: String,
    /// Why it is asked: a short word for the audit log.
    #[schema(example = "order-risk")]
    purpose: String,
    /// Whether the details that publishers sealed for holders of the identifier shall be opened, too.
    #[serde(default)]
    details: bool,
}

/// The answer to one question.
#[derive(Serialize, ToSchema)]
pub struct CheckResponse<'a> {
    #[serde(flatten)]
    answer: Answer,
    /// How fresh the feeds are on which the answer rests.
    #[schema(value_type = Vec<Freshness>)]
    feeds: &'a RawValue,
}

/// Many questions.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChecksRequest<'a> {
    /// Why it is asked: a short word for the audit log.
    #[serde(borrow)]
    #[schema(value_type = String, example = "nightly-screening")]
    purpose: Cow<'a, str>,
    /// The class of all `ids`.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "MOB")]
    class: Option<Class>,
    /// Identifiers of one class.
    #[serde(default, borrow)]
    #[schema(value_type = Vec<String>)]
    ids: Vec<Cow<'a, str>>,
    /// Identifiers of several classes; answered after `ids`.
    #[serde(default, borrow)]
    items: Vec<CheckItem<'a>>,
}

/// One of many questions.
#[derive(Deserialize, ToSchema)]
pub struct CheckItem<'a> {
    /// The class of the identifier.
    #[schema(value_type = String, example = "PER")]
    class: Class,
    /// The identifier.
    #[serde(borrow)]
    #[schema(value_type = String)]
    id: Cow<'a, str>,
}

/// The answers, in the order of the questions.
#[derive(Serialize, ToSchema)]
pub struct ChecksResponse<'a> {
    answers: Vec<Answer>,
    /// How fresh the feeds are on which the answers rest.
    #[schema(value_type = Vec<Freshness>)]
    feeds: &'a RawValue,
}

/// Checks one subject. Answered from memory (sealed details, if asked for, from the own disk); the question leaves neither the process nor a trace of the identifier.
#[utoipa::path(post, path = "/v1/check", tag = "check", security(("bearer" = [])),
    request_body = CheckRequest,
    responses((status = 200, body = CheckResponse<'_>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub async fn check(
    State(app): State<App>,
    caller: Caller<CHECK>,
    request: Result<Json<CheckRequest>, JsonRejection>,
) -> Result<Response, Problem> {
    let began = Instant::now();
    let Json(request) = request?;
    let purpose = checked_purpose(&request.purpose)?;
    let context = app.node.check_context();
    let answer = match Subject::parse(request.class, &request.id) {
        Ok(subject) => check_one(&app, &context, subject, request.details).await?,
        Err(invalid) => Answer::invalid(invalid),
    };
    app.node.metrics().checked(answer.answer, 1);
    count_hits(&app, std::slice::from_ref(&answer), context.cutoffs().today);
    app.audit.checked(&caller.name, purpose, std::iter::once(answer.answer));
    app.node.metrics().check_took(began.elapsed());
    Ok(json(&CheckResponse { answer, feeds: context.feeds_json() }))
}

/// Checks up to 10,000 subjects.
#[utoipa::path(post, path = "/v1/checks", tag = "check", security(("bearer" = [])),
    request_body = ChecksRequest,
    responses((status = 200, body = ChecksResponse<'_>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 413, body = Problem)))]
pub async fn checks(
    State(app): State<App>,
    caller: Caller<CHECK>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let began = Instant::now();
    let body = body?;
    let work = app.clone();
    let asked = tokio::task::spawn_blocking(move || Questions::read(&work, &body));
    let mut questions = asked.await.map_err(|_| Problem::stopping())??;
    // What this node knows is answered already; the rest goes to the key holders.
    let (places, subjects): (Vec<usize>, Vec<Subject>) = std::mem::take(&mut questions.unknown).into_iter().unzip();
    if !subjects.is_empty() {
        let resolved = app.node.resolver().resolve(&subjects).await;
        let work = app.clone();
        let settled = tokio::task::spawn_blocking(move || questions.settle(&work, &places, &subjects, resolved));
        questions = settled.await.map_err(|_| Problem::stopping())??;
    }
    let response = questions.answer(&app, &caller.name)?;
    app.node.metrics().check_took(began.elapsed());
    Ok(response)
}

/// Answers one question: from memory, or once the key holders have evaluated it.
async fn check_one(app: &App, context: &Arc<Context>, subject: Subject, details: bool) -> Result<Answer, Problem> {
    let (node, view) = (&app.node, app.node.view());
    let known = view.tokens.known(&subject, node.resolver().cache(), &mut Vec::with_capacity(160))?;
    let derivations = match known {
        Some(known) => known,
        None => match node.resolver().resolve_one(&subject).await {
            Ok(resolved) => resolved,
            Err(TokenError::Unavailable(unavailable)) => return Ok(Answer::unavailable(&unavailable)),
            Err(error) => return Err(error.into()),
        },
    };
    let class = subject.class();
    let mut answer = if details {
        let (node, context) = (node.clone(), context.clone());
        // Opening reads the entry from the disk.
        let work = move || Asker::new(&context, node.store()).answer_with_details(class, &derivations);
        tokio::task::spawn_blocking(work).await.map_err(|_| Problem::stopping())?
    } else {
        Asker::new(context, node.store()).answer(class, &derivations)
    };
    advise(app, context.cutoffs().today, &subject, &mut answer);
    Ok(answer)
}

/// Many questions and their answers, as far as there are any.
struct Questions {
    purpose: String,
    context: Arc<Context>,
    answers: Vec<Option<Answer>>,
    /// Those that this node cannot answer by itself, with their places.
    unknown: Vec<(usize, Subject)>,
}

impl Questions {
    /// Reads the questions and answers all that can be answered from memory.
    fn read(app: &App, body: &[u8]) -> Result<Questions, Problem> {
        let request: ChecksRequest<'_> = serde_json::from_slice(body).map_err(|_| Problem::not_the_json())?;
        let purpose = checked_purpose(&request.purpose)?;
        let most = app.node.config().checks_at_once;
        if request.ids.len() + request.items.len() > most {
            return Err(Problem::bad_request(
                format!("ask for at most {most} subjects at once; split the list"),
                format!("一次最多查询 {most} 个主体：请拆分"),
            ));
        }
        let class_of_ids = match (request.class, request.ids.is_empty()) {
            (Some(class), _) => class,
            (None, true) => Class::Ent,
            (None, false) => {
                return Err(Problem::bad_request(
                    "`ids` need a `class`; or send `items` with a class each",
                    "ids 须有 class：请补充，或改用 items 并为每项写明 class",
                ));
            }
        };
        let ids = request.ids.iter().map(|id| (class_of_ids, id.as_ref()));
        let questions: Vec<(Class, &str)> =
            ids.chain(request.items.iter().map(|item| (item.class, item.id.as_ref()))).collect();
        let context = app.node.check_context();
        let (view, cache) = (app.node.view(), app.node.resolver().cache());
        let answered: Vec<Result<Answer, Subject>> = questions
            .par_iter()
            .with_min_len(512)
            .map_init(
                || Asker::new(&context, app.node.store()),
                |asker, (class, id)| match Subject::parse(*class, id) {
                    Ok(subject) => match view.tokens.known(&subject, cache, &mut asker.scratch)? {
                        Some(known) => {
                            let mut answer = asker.answer(*class, &known);
                            advise(app, context.cutoffs().today, &subject, &mut answer);
                            Ok(Ok(answer))
                        }
                        None => Ok(Err(subject)),
                    },
                    Err(invalid) => Ok(Ok(Answer::invalid(invalid))),
                },
            )
            .collect::<Result<_, Problem>>()?;
        let mut unknown = Vec::new();
        let answers = answered.into_iter().enumerate().map(|(place, answered)| match answered {
            Ok(answer) => Some(answer),
            Err(subject) => {
                unknown.push((place, subject));
                None
            }
        });
        let answers = answers.collect();
        Ok(Questions { purpose: purpose.to_owned(), context, answers, unknown })
    }

    /// Answers the rest with what the key holders evaluated.
    fn settle(
        mut self,
        app: &App,
        places: &[usize],
        subjects: &[Subject],
        resolved: Vec<Result<Derivations, TokenError>>,
    ) -> Result<Questions, Problem> {
        let mut asker = Asker::new(&self.context, app.node.store());
        let mut settled = Vec::with_capacity(places.len());
        for ((place, subject), resolved) in places.iter().zip(subjects).zip(resolved) {
            settled.push((
                *place,
                match resolved {
                    Ok(derivations) => {
                        let mut answer = asker.answer(subject.class(), &derivations);
                        advise(app, self.context.cutoffs().today, subject, &mut answer);
                        answer
                    }
                    Err(TokenError::Unavailable(unavailable)) => Answer::unavailable(&unavailable),
                    Err(error) => return Err(error.into()),
                },
            ));
        }
        for (place, answer) in settled {
            self.answers[place] = Some(answer);
        }
        Ok(self)
    }

    fn answer(self, app: &App, caller: &Arc<str>) -> Result<Response, Problem> {
        // Every place has been settled.
        let answers: Vec<Answer> = self.answers.into_iter().collect::<Option<_>>().ok_or_else(Problem::stopping)?;
        for answer in &answers {
            app.node.metrics().checked(answer.answer, 1);
        }
        count_hits(app, &answers, self.context.cutoffs().today);
        app.audit.checked(caller, &self.purpose, answers.iter().map(|answer| answer.answer));
        Ok(json(&ChecksResponse { answers, feeds: self.context.feeds_json() }))
    }
}

/// An answer that borrows from the moment it speaks of.
fn json(value: &impl Serialize) -> Response {
    // Enums, strings and numbers encode in every case.
    let bytes = serde_json::to_vec(value).expect("answers encode");
    ([(header::CONTENT_TYPE, "application/json")], bytes).into_response()
}

/// Answers questions against one moment of the node; keeps its buffers.
struct Asker<'a> {
    context: &'a Context,
    store: &'a Store,
    table: Reader,
    scratch: Vec<u8>,
    rows: (Vec<Row>, Vec<Row>),
}

impl<'a> Asker<'a> {
    fn new(context: &'a Context, store: &'a Store) -> Self {
        let table = store.table().reader();
        Asker { context, store, table, scratch: Vec::with_capacity(160), rows: Default::default() }
    }

    fn answer(&mut self, class: Class, derivations: &Derivations) -> Answer {
        let known = (&self.table, self.store.remarks());
        self.context.answer(class, derivations, known, (&mut self.rows.0, &mut self.rows.1))
    }

    /// The answer with the details that its listings carry for this identifier. A disk that does not give them back takes
    /// nothing from the answer, which comes from memory.
    fn answer_with_details(&mut self, class: Class, derivations: &Derivations) -> Answer {
        let mut answer = self.answer(class, derivations);
        for listed in &mut answer.listings {
            let (publisher, leaf, epoch) = listed.entry;
            let Some((_, derived)) = derivations.iter().find(|(of, _)| *of == epoch) else { continue };
            let key = Zeroizing::new(derived.record_key());
            match self.store.leaves(publisher, leaf, 1).map(|mut leaves| leaves.pop()) {
                // None, or sealed for another subject by a publisher that does not keep to the form.
                Ok(Some((_, Leaf::Entry(Entry::List(listing))))) => {
                    listed.details = sealed::open(&listing, publisher, &key).ok().map(|text| text.to_string());
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "an entry could not be read for its details"),
            }
        }
        answer
    }
}

/// The answers for the subjects of a file: from memory, and for those that this node does not know from the key holders. Blocks;
/// nothing is counted and no recommendation made.
pub(super) fn answer_all(app: &App, context: &Context, subjects: &[Subject]) -> Vec<Result<Answer, TokenError>> {
    let (node, view) = (&app.node, app.node.view());
    let cache = node.resolver().cache();
    let known: Vec<Result<Option<Answer>, TokenError>> = subjects
        .par_iter()
        .with_min_len(512)
        .map_init(
            || Asker::new(context, node.store()),
            |asker, subject| {
                let known = view.tokens.known(subject, cache, &mut asker.scratch)?;
                Ok(known.map(|known| asker.answer(subject.class(), &known)))
            },
        )
        .collect();
    let is_unknown = |(_, known): &(&Subject, &Result<Option<Answer>, TokenError>)| matches!(known, Ok(None));
    let unknown: Vec<Subject> =
        subjects.iter().zip(&known).filter(is_unknown).map(|(subject, _)| subject.clone()).collect();
    let resolved = if unknown.is_empty() {
        Vec::new()
    } else {
        tokio::runtime::Handle::current().block_on(node.resolver().resolve(&unknown))
    };
    let (mut resolved, mut asker) = (resolved.into_iter(), Asker::new(context, node.store()));
    let settle = |(known, subject): (Result<Option<Answer>, TokenError>, &Subject)| match known {
        Ok(Some(answer)) => Ok(answer),
        // The resolver answers for each that it is asked for.
        Ok(None) => match resolved.next().unwrap_or(Err(TokenError::NoKey(subject.class()))) {
            Ok(derivations) => Ok(asker.answer(subject.class(), &derivations)),
            Err(TokenError::Unavailable(unavailable)) => Ok(Answer::unavailable(&unavailable)),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    known.into_iter().zip(subjects).map(settle).collect()
}

/// Whose listings are hit. Where the charter keeps that from answers, the node counts for its operator alone whether they are a burst.
fn count_hits(app: &App, answers: &[Answer], today: Day) {
    app.effects.checked(answers, today);
    for listed in answers.iter().flat_map(|answer| &answer.listings) {
        if let Some(slug) = listed.publisher.as_deref() {
            app.node.metrics().hit(slug);
        }
        let (publisher, leaf, _) = listed.entry;
        app.hits.hit(publisher, leaf, listed.origin, today);
    }
}

fn checked_purpose(purpose: &str) -> Result<&str, Problem> {
    let fits = (1..=32).contains(&purpose.len())
        && purpose.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    // Anything longer or freer could carry an identifier into the audit log.
    let starts = purpose.starts_with(|c: char| c.is_ascii_lowercase());
    let digits = purpose.bytes().filter(u8::is_ascii_digit).count();
    if fits && starts && digits <= 4 {
        Ok(purpose)
    } else {
        Err(Problem::bad_request(
            "`purpose` must be a short word of a-z, hyphen and at most four digits, like order-risk",
            "purpose 须为简短的词（小写字母、连字符和最多四位数字），例如 order-risk：请改正",
        ))
    }
}
