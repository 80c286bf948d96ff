//! What the rules would make of a customer base: how many of a platform's own customers each source hits, before anything is done
//! about them. Counts alone.

use std::{collections::BTreeMap, fmt::Display, ops::ControlFlow};

use antibrush_protocol::{
    codes::List,
    subject::{Class, Subject},
};
use axum::{
    body::Bytes,
    extract::{
        Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
    response::Response,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::seen;
use crate::{
    api::{
        App, Problem,
        auth::{CHECK, Caller},
        check::answer_all,
        lines::{self, RejectedRow},
    },
    check::{Answer, Verdict},
    import::{Reject, SubjectRow, SubjectTable},
    lang::Zh,
    recommend::{Action, Asked, Listing, Standing},
};

/// Whose customers.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ForecastQuery {
    /// The file's name, for messages.
    #[serde(default)]
    name: String,
    /// The class of all identifiers, for files that do not say it.
    #[serde(default)]
    #[param(value_type = Option<String>, example = "MOB")]
    class: Option<Class>,
}

/// One line of the answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForecastLine {
    /// How far it is.
    Progress {
        /// Bytes of the file so far.
        done: u64,
        /// Bytes in all.
        total: u64,
        /// Rows so far.
        rows: u64,
    },
    /// A row that was not taken.
    Reject(RejectedRow),
    /// The end.
    Summary(Forecast),
    /// It ended early.
    Error {
        /// Why, and what to do.
        detail: String,
        /// The same in Chinese.
        detail_zh: String,
    },
}

/// How many rows get which recommendation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Split {
    block: u64,
    review: u64,
    watch: u64,
    ignore: u64,
}

impl Split {
    fn count(&mut self, action: Action) {
        *match action {
            Action::Block => &mut self.block,
            Action::Review => &mut self.review,
            Action::Watch => &mut self.watch,
            Action::Ignore => &mut self.ignore,
        } += 1;
    }
}

/// What one source would do.
#[derive(Serialize, ToSchema)]
pub struct SourceForecast {
    /// Who listed them; absent where the charter keeps that to itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher: Option<String>,
    /// The list.
    #[schema(value_type = String, example = "CXH")]
    list: List,
    /// Whether it is a statutory list, never to be shown as the alliance's own.
    statutory: bool,
    /// Where the listings stand; `disputed`, `suspended` or `struck` before a state.
    #[schema(example = "confirmed")]
    state: &'static str,
    /// Rows that it hits.
    hits: u64,
    /// What the rules make of these listings alone, without overrides.
    recommended: Split,
}

/// What the rules would make of a file.
#[derive(Default, Serialize, ToSchema)]
pub struct Forecast {
    /// Rows read.
    rows: u64,
    /// Not taken.
    rejected: u64,
    /// Rows of which nothing can be said: too few key holders answer, or a quota is used up.
    unavailable: u64,
    /// Rows that at least one listing hits.
    hit: u64,
    /// Rows for which an override of this platform decides.
    overridden: u64,
    /// What would be recommended, for each row once.
    recommended: Split,
    /// By publisher, list and state, those with the most hits first.
    sources: Vec<SourceForecast>,
}

/// Says what the rules would make of the subjects of a CSV or XLSX file, as `POST /v1/tokens` reads it. The answer is a stream of JSON
/// lines (`application/x-ndjson`): progress, rejects, and a summary or an error at the end. It looks up what a check of each row would; nothing is counted as recommended.
#[utoipa::path(post, path = "/v1/recommend/forecast", tag = "recommend", security(("bearer" = [])), params(ForecastQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = ForecastLine, content_type = "application/x-ndjson"), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 413, body = Problem)))]
pub async fn forecast(
    State(app): State<App>,
    caller: Caller<CHECK>,
    query: Result<Query<ForecastQuery>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let (Query(query), body) = (query?, body?);
    // Whoever may make no tokens is told before a row is read.
    app.node.view().tokens.may_derive()?;
    Ok(lines::answer(move |out| forecast_file(&app, &caller, &query, body, out).unwrap_or_else(|line| line)))
}

type Out = lines::Out<ForecastLine>;
type Source = (Option<String>, List, Standing);

fn forecast_file(
    app: &App,
    caller: &Caller<CHECK>,
    query: &ForecastQuery,
    body: Bytes,
    out: &Out,
) -> Result<ForecastLine, ForecastLine> {
    let table = SubjectTable::read(&query.name, body.into(), query.class).map_err(error_line)?;
    let mut run = Run { app, caller, out, forecast: Forecast::default(), sources: BTreeMap::new() };
    let total = table.total_bytes();
    let done = std::cell::Cell::new(0);
    let read = lines::overlap(
        |hand_over| table.for_each_block(|so_far, _| done.set(so_far), |block| hand_over((block, done.get()))),
        |(block, done)| run.block(block, done, total),
    );
    read.map_err(error_line)?;
    Ok(run.end())
}

struct Run<'a> {
    app: &'a App,
    caller: &'a Caller<CHECK>,
    out: &'a Out,
    forecast: Forecast,
    sources: BTreeMap<Source, (u64, Split)>,
}

impl Run<'_> {
    fn block(&mut self, block: Vec<Result<SubjectRow, Reject>>, done: u64, total: u64) -> ControlFlow<()> {
        let (mut rows, mut rejects) = (Vec::with_capacity(block.len()), Vec::new());
        for row in block {
            self.forecast.rows += 1;
            match row {
                Ok(row) => rows.push(row),
                Err(reject) => rejects.push(RejectedRow::from(&reject)),
            }
        }
        let (places, subjects): (Vec<u64>, Vec<Subject>) = rows.into_iter().map(|row| (row.line, row.subject)).unzip();
        let context = self.app.node.check_context();
        let today = context.cutoffs().today;
        let mut verdicts = Vec::with_capacity(subjects.len());
        for ((line, subject), answer) in places.iter().zip(&subjects).zip(answer_all(self.app, &context, &subjects)) {
            match answer {
                Ok(answer) => {
                    verdicts.push(answer.answer);
                    self.count(subject, &answer, today);
                }
                Err(error) => rejects.push(RejectedRow::refused(*line, &error)),
            }
        }
        self.app.audit.checked(&self.caller.name, "forecast", verdicts.into_iter());
        self.forecast.rejected += rejects.len() as u64;
        let heard = rejects.into_iter().all(|reject| self.out.send(&ForecastLine::Reject(reject)));
        let progress = ForecastLine::Progress { done, total, rows: self.forecast.rows };
        let stop = !heard || !self.out.send(&progress) || self.app.node.stopping().is_cancelled();
        if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn count(&mut self, subject: &Subject, answer: &Answer, today: antibrush_protocol::base::Day) {
        if answer.answer == Verdict::Unavailable {
            self.forecast.unavailable += 1;
            return;
        }
        let in_force = self.app.recommender.in_force();
        let policy = &in_force.policy;
        let asked = Asked { class: subject.class(), personal: subject.is_personal() };
        let listings: Vec<Listing<'_>> = answer.listings.iter().map(|listed| seen(listed, answer.victim)).collect();
        self.forecast.hit += u64::from(!listings.is_empty());
        // Where publishers have no names, several may look like one: a row counts once for it.
        let mut of: BTreeMap<Source, Action> = BTreeMap::new();
        for listing in &listings {
            let source = (listing.source.map(str::to_owned), listing.list, listing.standing());
            let action = policy.judge(asked, listing).action;
            of.entry(source).and_modify(|most| *most = action.max(*most)).or_insert(action);
        }
        for (source, action) in of {
            let (hits, split) = self.sources.entry(source).or_default();
            *hits += 1;
            split.count(action);
        }
        let decided = self.app.recommender.overrides().find(subject, today);
        self.forecast.overridden += u64::from(decided.is_some());
        if let Some(advised) = policy.recommend(asked, &listings, decided) {
            self.forecast.recommended.count(advised.action);
        }
    }

    fn end(self) -> ForecastLine {
        if self.app.node.stopping().is_cancelled() {
            let Problem { detail, detail_zh, .. } = Problem::stopping();
            return ForecastLine::Error { detail, detail_zh: detail_zh.unwrap_or_default() };
        }
        let of = |((publisher, list, state), (hits, recommended)): (Source, (u64, Split))| SourceForecast {
            publisher,
            list,
            statutory: list.is_statutory(),
            state: state.code(),
            hits,
            recommended,
        };
        let mut sources: Vec<SourceForecast> = self.sources.into_iter().map(of).collect();
        sources.sort_by_key(|source| std::cmp::Reverse(source.hits));
        ForecastLine::Summary(Forecast { sources, ..self.forecast })
    }
}

fn error_line(error: impl Display + Zh) -> ForecastLine {
    ForecastLine::Error { detail: error.to_string(), detail_zh: error.zh() }
}
