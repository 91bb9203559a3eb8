//! What was counted once: `counts.toml`.
//!
//! Owns its form, and how what is counted now compares. Not how it is counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::NotCompared;

/// Instructions a call, by path.
pub(crate) type Paths = BTreeMap<String, u64>;
/// By backend.
pub(crate) type Counts = BTreeMap<String, Paths>;

/// How this program was built. Counts of another build say nothing about it.
pub(crate) struct Built {
    pub(crate) profile: &'static str,
    rustc: String,
    host: String,
}

impl Built {
    /// Asks the compiler that cargo would use.
    pub(crate) fn this() -> Result<Self, NotCompared> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let said = Command::new(rustc)
            .arg("-vV")
            .output()
            .map_err(|error| NotCompared::because("rustc -vV", &error))?;
        let said = String::from_utf8_lossy(&said.stdout);
        let field = |name: &str| {
            said.lines()
                .find_map(|line| line.strip_prefix(name))
                .map(|value| value.trim_start_matches(':').trim().to_owned())
                .ok_or_else(|| NotCompared(format!("rustc -vV does not tell its {name}")))
        };
        Ok(Self {
            profile: if cfg!(debug_assertions) {
                "dev"
            } else {
                "release"
            },
            rustc: field("release")?,
            host: field("host")?,
        })
    }
}

/// The counts of one kind of build.
#[derive(Deserialize)]
pub(crate) struct Section {
    rustc: String,
    host: String,
    counts: Counts,
}

/// All that is kept.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Kept(BTreeMap<String, Section>);

impl Kept {
    pub(crate) fn read(file: &Path) -> Result<Self, NotCompared> {
        let text = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            read => read.map_err(|error| NotCompared::because(file.display(), &error))?,
        };
        toml::from_str(&text).map_err(|error| NotCompared::because(file.display(), &error))
    }

    /// What there is for such a build.
    pub(crate) fn of(&self, built: &Built) -> Result<&Section, NotCompared> {
        let section = self.0.get(built.profile).ok_or_else(|| {
            NotCompared(format!("there are no counts of a {} build", built.profile))
        })?;
        if (&section.rustc, &section.host) == (&built.rustc, &built.host) {
            return Ok(section);
        }
        Err(NotCompared(format!(
            "the counts are of rustc {} for {}, and this is {} for {}; `--update` on a commit that is \
             known to be good, and then here, makes both comparable",
            section.rustc, section.host, built.rustc, built.host
        )))
    }

    pub(crate) fn set(&mut self, built: Built, counts: Counts) {
        let section = Section {
            rustc: built.rustc,
            host: built.host,
            counts,
        };
        self.0.insert(built.profile.to_owned(), section);
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a lost file of counts is counted again"
    )]
    pub(crate) fn write(&self, file: &Path) -> Result<(), NotCompared> {
        std::fs::write(file, self.text())
            .map_err(|error| NotCompared::because(file.display(), &error))
    }

    fn text(&self) -> String {
        let mut text = "# Instructions a call, as `cargo run -p larder-instructions -- --update` counted them \
                        (with --release: of a release build).\n"
            .to_owned();
        for (profile, section) in &self.0 {
            let Section { rustc, host, .. } = section;
            let _ = write!(text, "\n[{profile}]\nrustc = {rustc:?}\nhost = {host:?}\n");
            for (backend, paths) in &section.counts {
                let _ = write!(text, "\n[{profile}.counts.{backend}]\n");
                for (path, count) in paths {
                    let _ = writeln!(text, "{path} = {count}");
                }
            }
        }
        text
    }
}

/// One path on one backend, then and now.
pub(crate) struct Line {
    pub(crate) backend: String,
    pub(crate) path: String,
    pub(crate) kept: Option<u64>,
    pub(crate) now: u64,
}

impl Section {
    pub(crate) fn compare(&self, now: &Counts) -> Vec<Line> {
        let lines = now.iter().flat_map(|(backend, paths)| {
            paths.iter().map(|(path, now)| Line {
                backend: backend.clone(),
                path: path.clone(),
                kept: self
                    .counts
                    .get(backend)
                    .and_then(|it| it.get(path).copied()),
                now: *now,
            })
        });
        lines.collect()
    }
}

impl Line {
    /// How many percent more there are now.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn percent(&self) -> Option<f64> {
        let kept = self.kept? as f64;
        Some((self.now as f64 - kept) / kept * 100.0)
    }

    /// What is new cannot have grown, and is not held to anything either.
    pub(crate) fn is_too_many(&self, tolerance: f64) -> bool {
        self.percent().is_none_or(|percent| percent > tolerance)
    }

    pub(crate) fn says(&self, tolerance: f64) -> &'static str {
        match self.percent() {
            None => "not kept: --update",
            Some(percent) if percent > tolerance => "TOO MANY",
            Some(percent) if percent < -tolerance => "fewer: --update keeps it so",
            Some(_) => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Built, Counts, Kept, Paths};

    fn built() -> Built {
        Built {
            profile: "dev",
            rustc: "1.95.0".to_owned(),
            host: "x86_64-unknown-linux-gnu".to_owned(),
        }
    }

    fn counts(get: u64) -> Counts {
        Counts::from([("json".to_owned(), Paths::from([("get".to_owned(), get)]))])
    }

    fn kept() -> Kept {
        let mut kept: Kept = toml::from_str("").unwrap();
        kept.set(built(), counts(1_000));
        kept
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let again: Kept = toml::from_str(&kept().text()).unwrap();
        assert_eq!(again.text(), kept().text());
        assert!(again.of(&built()).is_ok());
    }

    #[test]
    fn more_than_a_few_percent_is_too_much_and_so_is_what_nothing_is_kept_of() {
        let kept = kept();
        let too_many = |now: &Counts| {
            let lines = kept.of(&built()).unwrap().compare(now);
            lines.iter().any(|line| line.is_too_many(4.0))
        };
        assert!(!too_many(&counts(1_040)));
        assert!(too_many(&counts(1_041)));
        assert!(!too_many(&counts(1)));
        let new = Counts::from([("sqlite".to_owned(), Paths::from([("get".to_owned(), 1)]))]);
        assert!(too_many(&new));
    }

    #[test]
    fn counts_of_another_build_are_not_compared() {
        for other in [
            Built {
                profile: "release",
                ..built()
            },
            Built {
                rustc: "1.96.0".to_owned(),
                ..built()
            },
            Built {
                host: "aarch64-unknown-linux-gnu".to_owned(),
                ..built()
            },
        ] {
            assert!(kept().of(&other).is_err());
        }
    }
}
