//! The conflict-sensitivity check, whose result follows from its answers, and studies: evidence that grows old.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use chrono::NaiveDate;

use super::clock::add_months;
use super::{CSC_ANALYSIS_STALE, CSC_EXPIRED, CSC_FAILED, CSC_MISSING, CSC_QUESTION_INVALID, CSC_STALE, STUDY_MISSING, STUDY_UNFAVOURABLE};
use crate::refusal::Refusal;
use crate::word::Word;
use crate::words;

const QUESTIONS: &str = include_str!("../../../data/programme/conflict_questions.csv");

/// For how many months a check holds, and for how many the analysis under it.
const CHECK_MONTHS: u32 = 6;
const ANALYSIS_MONTHS: u32 = 12;
/// From which risk on a check passes under conditions alone.
pub const CONDITION_RISK: u32 = 2;
/// From which risk on a check fails without a measure.
const GRAVE_RISK: u32 = 3;
/// For how many months a study holds.
const STUDY_MONTHS: u32 = 24;

words! {
    /// What came of a conflict-sensitivity check.
    pub enum CheckResult {
        /// No risk above low.
        Pass = "pass",
        /// Risks that measures answer.
        PassWithConditions = "pass_with_conditions",
        /// A grave risk without a measure.
        Fail = "fail",
    }
}

words! {
    /// What a group of questions is about.
    pub enum QuestionBlock {
        /// The place, its conflicts and what is coming.
        Context = "context",
        /// Who gains and who loses.
        Gains = "gains",
        /// What divides and what connects.
        Dividers = "dividers",
        /// The safety of people.
        Protection = "protection",
        /// Neutrality when an election is near.
        Neutrality = "neutrality",
    }
}

words! {
    /// What a study is about.
    pub enum StudyKind {
        /// Whether it can be done.
        Feasibility = "feasibility",
        /// How things stand.
        Base = "base",
        /// What is needed.
        Needs = "needs",
        /// The conflict.
        Conflict = "conflict",
        /// The market.
        Market = "market",
    }
}

words! {
    /// What a study concludes.
    pub enum StudyConclusion {
        /// For it.
        Favourable = "favourable",
        /// For it under conditions.
        Conditional = "conditional",
        /// Against it.
        Unfavourable = "unfavourable",
    }
}

/// A question of the check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub version: i32,
    pub code: String,
    pub block: QuestionBlock,
    pub question_fr: String,
    pub question_en: String,
}

fn read_questions() -> Result<Vec<Question>, csv::Error> {
    type Row = (i32, String, QuestionBlock, String, String);
    let mut reader = csv::Reader::from_reader(QUESTIONS.as_bytes());
    let read = |(version, code, block, question_fr, question_en): Row| Question { version, code, block, question_fr, question_en };
    reader.deserialize::<Row>().map(|row| row.map(read)).collect()
}

static SHIPPED: LazyLock<Vec<Question>> = LazyLock::new(|| read_questions().unwrap_or_default());

/// The questions that are asked.
pub fn questions() -> &'static [Question] {
    &SHIPPED
}

/// An answer: how great the risk is, 0 to 3, and whether a measure answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckAnswer {
    pub question: String,
    pub risk: u32,
    pub mitigated: bool,
}

/// Refuses answers to no question, two answers to one, and a check that leaves questions out but those on neutrality.
pub fn judge(answers: &[CheckAnswer]) -> Result<CheckResult, Refusal> {
    let mut answered = BTreeSet::new();
    for answer in answers {
        if !questions().iter().any(|question| question.code == answer.question) || !answered.insert(answer.question.as_str()) {
            return Err(CSC_QUESTION_INVALID.refuse().with("question", &answer.question).at("/answers"));
        }
    }
    let left = questions().iter().filter(|question| question.block != QuestionBlock::Neutrality);
    let left: Vec<String> =
        left.filter(|question| !answered.contains(question.code.as_str())).map(|question| question.code.clone()).collect();
    if !left.is_empty() {
        return Err(CSC_MISSING.refuse().with("missing", left).at("/answers"));
    }
    Ok(if !grave(answers).is_empty() {
        CheckResult::Fail
    } else if answers.iter().any(|answer| answer.risk >= CONDITION_RISK) {
        CheckResult::PassWithConditions
    } else {
        CheckResult::Pass
    })
}

/// The questions that found a grave risk without a measure.
pub fn grave(answers: &[CheckAnswer]) -> Vec<String> {
    answers.iter().filter(|answer| answer.risk >= GRAVE_RISK && !answer.mitigated).map(|answer| answer.question.clone()).collect()
}

/// Whether every question on neutrality was answered.
pub fn on_neutrality(answers: &[CheckAnswer]) -> bool {
    let mut asked = questions().iter().filter(|question| question.block == QuestionBlock::Neutrality);
    asked.all(|question| answers.iter().any(|answer| answer.question == question.code))
}

/// Until when a check of a day holds.
pub fn check_valid_until(assessed_on: NaiveDate) -> NaiveDate {
    add_months(assessed_on, CHECK_MONTHS)
}

/// The last check of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub result: CheckResult,
    /// Questions that found a grave risk without a measure.
    pub grave: Vec<String>,
    pub valid_until: NaiveDate,
    pub analysed_on: NaiveDate,
    pub neutrality: bool,
    /// The project changed after it.
    pub stale: bool,
    /// Places of the project that it does not cover.
    pub uncovered: Vec<String>,
}

/// Every reason why a check does not do.
pub fn unmet(check: Option<&Check>, election: Option<NaiveDate>, today: NaiveDate) -> Vec<Refusal> {
    let Some(check) = check else { return vec![CSC_MISSING.refuse().with("missing", vec!["check".to_owned()])] };
    let mut found = Vec::new();
    if check.stale {
        found.push(CSC_STALE.refuse());
    }
    if check.valid_until < today {
        found.push(CSC_EXPIRED.refuse().with("valid_until", check.valid_until));
    }
    if check.result == CheckResult::Fail {
        found.push(CSC_FAILED.refuse().with("questions", check.grave.clone()));
    }
    if add_months(check.analysed_on, ANALYSIS_MONTHS) < today {
        found.push(CSC_ANALYSIS_STALE.refuse().with("analysed_on", check.analysed_on));
    }
    let mut missing = check.uncovered.clone();
    if election.is_some() && !check.neutrality {
        missing.push(QuestionBlock::Neutrality.as_str().to_owned());
    }
    if !missing.is_empty() {
        let refusal = CSC_MISSING.refuse().with("missing", missing);
        found.push(election.iter().fold(refusal, |refusal, day| refusal.with("election", *day)));
    }
    found
}

/// An accepted study of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Study {
    pub kind: StudyKind,
    pub conclusion: StudyConclusion,
    pub accepted_on: NaiveDate,
}

/// What a communal police needs.
pub const POLICE_STUDIES: [StudyKind; 2] = [StudyKind::Needs, StudyKind::Feasibility];

/// Every reason why accepted studies do not do: each kind must be there, the last of it no older than two years and not against it.
pub fn studies_unmet(required: &[StudyKind], studies: &[Study], today: NaiveDate) -> Vec<Refusal> {
    let last = |kind: StudyKind| studies.iter().filter(|study| study.kind == kind).max_by_key(|study| study.accepted_on);
    let recent = |study: &&Study| add_months(study.accepted_on, STUDY_MONTHS) >= today;
    let (mut missing, mut against) = (Vec::new(), Vec::new());
    for kind in required {
        match last(*kind).filter(recent) {
            None => missing.push(kind.as_str().to_owned()),
            Some(study) if study.conclusion == StudyConclusion::Unfavourable => against.push(kind.as_str().to_owned()),
            Some(_) => {}
        }
    }
    let mut found = Vec::new();
    if !missing.is_empty() {
        found.push(STUDY_MISSING.refuse().with("missing", missing));
    }
    if !against.is_empty() {
        found.push(STUDY_UNFAVOURABLE.refuse().with("kinds", against));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn answers(neutrality: bool) -> Vec<CheckAnswer> {
        let asked = questions().iter().filter(|question| neutrality || question.block != QuestionBlock::Neutrality);
        asked.map(|question| CheckAnswer { question: question.code.clone(), risk: 1, mitigated: false }).collect()
    }

    fn with(risk: u32, mitigated: bool) -> Vec<CheckAnswer> {
        let mut all = answers(false);
        all[0] = CheckAnswer { risk, mitigated, ..all[0].clone() };
        all
    }

    #[test]
    fn the_questions_are_twelve_and_more_in_four_blocks_and_more() {
        assert!(read_questions().is_ok());
        let codes: BTreeSet<&str> = questions().iter().map(|question| question.code.as_str()).collect();
        assert_eq!(codes.len(), questions().len());
        assert!(answers(false).len() >= 12);
        assert!(QuestionBlock::ALL.iter().all(|block| questions().iter().any(|question| question.block == *block)));
    }

    #[test]
    fn the_result_follows_from_the_answers() {
        assert_eq!(judge(&answers(false)), Ok(CheckResult::Pass));
        assert_eq!(judge(&with(2, false)), Ok(CheckResult::PassWithConditions));
        assert_eq!(judge(&with(3, true)), Ok(CheckResult::PassWithConditions));
        assert_eq!(judge(&with(3, false)), Ok(CheckResult::Fail));
        assert_eq!(grave(&with(3, false)), [questions()[0].code.clone()]);
        assert!(grave(&with(3, true)).is_empty() && grave(&with(2, false)).is_empty());
        let code = |answers: &[CheckAnswer]| judge(answers).map_err(|refusal| refusal.code.name);
        assert_eq!(code(&answers(true)[1..]), Err("CSC_MISSING"));
        assert_eq!(code(&[answers(true), answers(true)].concat()), Err("CSC_QUESTION_INVALID"));
        let other = CheckAnswer { question: "colour".to_owned(), risk: 0, mitigated: false };
        assert_eq!(code(&[answers(true), vec![other]].concat()), Err("CSC_QUESTION_INVALID"));
        assert!(!on_neutrality(&answers(false)) && on_neutrality(&answers(true)));
    }

    #[test]
    fn a_check_grows_old_and_all_reasons_are_told() {
        let assessed = day("2018-06-01");
        let good = Check {
            result: CheckResult::Pass,
            grave: Vec::new(),
            valid_until: check_valid_until(assessed),
            analysed_on: day("2018-01-15"),
            neutrality: false,
            stale: false,
            uncovered: Vec::new(),
        };
        let codes = |check: &Check, election, today: &str| {
            unmet(Some(check), election, day(today)).into_iter().map(|refusal| refusal.code.name).collect::<Vec<_>>()
        };
        assert_eq!(codes(&good, None, "2018-12-01"), [""; 0]);
        assert_eq!(codes(&good, None, "2018-12-02"), ["CSC_EXPIRED"]);
        assert_eq!(codes(&good, None, "2019-01-16"), ["CSC_EXPIRED", "CSC_ANALYSIS_STALE"]);
        assert_eq!(codes(&good, Some(day("2018-07-29")), "2018-06-29"), ["CSC_MISSING"]);
        assert_eq!(codes(&Check { neutrality: true, ..good.clone() }, Some(day("2018-07-29")), "2018-06-29"), [""; 0]);
        let bad = Check { result: CheckResult::Fail, stale: true, uncovered: vec!["Gao".to_owned()], ..good };
        assert_eq!(codes(&bad, None, "2019-02-01"), ["CSC_STALE", "CSC_EXPIRED", "CSC_FAILED", "CSC_ANALYSIS_STALE", "CSC_MISSING"]);
        assert_eq!(unmet(None, None, assessed).len(), 1);
    }

    #[test]
    fn studies_are_recent_and_not_against_it() {
        let study = |kind, conclusion, accepted: &str| Study { kind, conclusion, accepted_on: day(accepted) };
        let needs = study(StudyKind::Needs, StudyConclusion::Favourable, "2018-01-01");
        let codes = |studies: &[Study], today: &str| {
            studies_unmet(&POLICE_STUDIES, studies, day(today)).into_iter().map(|refusal| refusal.code.name).collect::<Vec<_>>()
        };
        assert_eq!(codes(&[needs], "2018-02-01"), ["STUDY_MISSING"]);
        let against = study(StudyKind::Feasibility, StudyConclusion::Unfavourable, "2018-01-01");
        assert_eq!(codes(&[needs, against], "2018-02-01"), ["STUDY_UNFAVOURABLE"]);
        let conditional = study(StudyKind::Feasibility, StudyConclusion::Conditional, "2018-01-02");
        assert_eq!(codes(&[needs, against, conditional], "2020-01-01"), [""; 0]);
        assert_eq!(codes(&[needs, against, conditional], "2020-01-02"), ["STUDY_MISSING"]);
        assert_eq!(studies_unmet(&[], &[], day("2018-01-01")), []);
    }
}
