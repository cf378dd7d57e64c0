//! One exchange while it happens: it collects what is sent, checked and answered, and judges.

use std::time::Instant;

use super::super::screen::Scene;
use super::wire::Answer;
use crate::cli::console::CliError;

/// A scene that is being played.
pub(super) struct Play {
    scene: Scene,
    started: Instant,
}

impl Play {
    /// Begins a scene.
    pub(super) fn begin(title: impl Into<String>, sent: impl Into<String>) -> Self {
        let scene = Scene {
            title: title.into(),
            sent: sent.into(),
            checked: Vec::new(),
            expected: String::new(),
            answer: String::new(),
            ok: true,
            took: std::time::Duration::ZERO,
        };
        Self {
            scene,
            started: Instant::now(),
        }
    }

    /// Says what was checked on the way.
    pub(super) fn checked(mut self, text: impl Into<String>) -> Self {
        self.scene.checked.push(text.into());
        self
    }

    /// The answer is there: the clock stops. `expected` is what it must be.
    pub(super) fn answered(mut self, expected: &str, answer: &str, detail: &str) -> Self {
        self.scene.took = self.started.elapsed();
        self.scene.ok &= expected == answer;
        self.scene.expected = expected.to_owned();
        self.scene.answer = if detail.is_empty() {
            answer.to_owned()
        } else {
            format!("{answer}: {detail}")
        };
        self
    }

    /// As [`Play::answered`], with an answer from the wire or what went wrong on it.
    pub(super) fn answered_by(self, expected: &str, answer: Result<Answer, CliError>) -> Self {
        match answer {
            Ok(answer) => {
                let detail = if answer.status.is_success() {
                    String::new()
                } else {
                    answer.detail()
                };
                self.answered(expected, &answer.summary(), &detail)
            }
            Err(error) => self.answered(expected, "no answer", &error.to_string()),
        }
    }

    /// Demands that something holds that was looked at afterwards.
    pub(super) fn require(mut self, holds: bool, text: impl Into<String>) -> Self {
        let text = text.into();
        self.scene.ok &= holds;
        self.scene
            .checked
            .push(if holds { text } else { format!("NOT SO: {text}") });
        self
    }

    /// The scene, played.
    pub(super) fn end(self) -> Scene {
        self.scene
    }
}
