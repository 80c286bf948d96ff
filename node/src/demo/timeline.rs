//! The timeline: each step with its number, its duration and what was seen.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::{Failure, Output, output::duration};

/// Prints steps as they end and remembers whether all held.
pub struct Timeline {
    output: Output,
    began: Instant,
    steps: u32,
    failed: u32,
}

/// What a step saw: a sentence in English and Chinese, and figures for programs.
pub struct Seen {
    pub en: String,
    pub zh: String,
    pub figures: Value,
}

impl Timeline {
    pub fn new(output: Output) -> Timeline {
        Timeline { output, began: Instant::now(), steps: 0, failed: 0 }
    }

    /// Prints the outcome of a step that began at `since`. A failed step is printed, counted and passed on.
    pub fn step<T>(
        &mut self,
        name: (&str, &str),
        since: Instant,
        outcome: Result<(T, Seen), Failure>,
    ) -> Result<T, Failure> {
        self.steps += 1;
        let took = since.elapsed();
        match outcome {
            Ok((value, seen)) => {
                self.line(name, took, Ok(&seen));
                Ok(value)
            }
            Err(failure) => {
                self.failed += 1;
                self.line(name, took, Err(&failure));
                Err(failure)
            }
        }
    }

    /// A line without a step number.
    pub fn note(&self, en: &str, zh: &str) {
        if !self.output.json {
            self.output.say(format!("          {en}"), format!("          {zh}"));
        }
    }

    /// The end of the timeline.
    pub fn end(&self) {
        let (steps, failed, took) = (self.steps, self.failed, self.began.elapsed());
        if self.output.json {
            println!("{}", json!({ "event": "end", "steps": steps, "failed": failed, "ms": millis(took) }));
        } else {
            self.output.say(
                format!("\n{} of {steps} steps held, {} in all.", steps - failed, duration(took)),
                format!("\n{steps} 步中 {} 步成立，共用时 {}。", steps - failed, duration(took)),
            );
        }
    }

    fn line(&self, name: (&str, &str), took: Duration, outcome: Result<&Seen, &Failure>) {
        let step = self.steps;
        if self.output.json {
            let mut object =
                json!({ "event": "step", "step": step, "name": name.0, "ms": millis(took), "held": outcome.is_ok() });
            match outcome {
                Ok(seen) => object["seen"] = seen.figures.clone(),
                Err(failure) => object["error"] = failure.detail().into(),
            }
            println!("{object}");
            return;
        }
        let mark = if outcome.is_ok() { "✓" } else { "✗" };
        let title = self.output.pick(name.0, name.1);
        println!("{mark} {step:>2} {:>8}  {title}", duration(took));
        match outcome {
            Ok(seen) => self.note(&seen.en, &seen.zh),
            Err(failure) => self.note(failure.detail(), failure.detail_zh()),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
