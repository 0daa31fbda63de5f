//! The questions, each read from JSON and answered by one call.

use headwater_experiment::assignment::{Assigned, Assignment, hash};
use headwater_experiment::compare::Interval;
use headwater_experiment::compare::many::Correction;
use headwater_experiment::compare::proportion::{Proportion, newcombe, pooled_test, relative_of_few, wald};
use headwater_experiment::distribution::{
    chi_square_tail, normal_quantile, normal_tail, student_quantile, student_tail,
};
use headwater_experiment::power::Wanted;
use headwater_experiment::sample_ratio::SampleRatio;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;
use super::report;
use super::rows::Declared;

#[derive(Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
enum Question {
    Hash {
        salt: String,
        purpose: String,
        units: Vec<String>,
    },
    Assign {
        salt: String,
        weights: Vec<u64>,
        traffic_millionths: u64,
        units: Vec<String>,
    },
    Analyse(Box<Declared>),
    /// (successes, units) of the variant and of the control.
    Proportions {
        variant: (f64, f64),
        control: (f64, f64),
        alpha: f64,
    },
    SampleRatio {
        units: Vec<u64>,
        weights: Vec<u64>,
    },
    Adjust {
        p_values: Vec<f64>,
        correction: String,
    },
    Power(Power),
    /// Tails of a distribution and, where degrees are given, of Student's and chi-square; and quantiles.
    Tails {
        normal: Vec<f64>,
        student: Vec<(f64, f64)>,
        chi_square: Vec<(f64, f64)>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Power {
    alpha: f64,
    power: f64,
    ratio: f64,
    effect: f64,
    deviation: f64,
    control_share: f64,
    units: f64,
}

pub fn answer(question: &Value) -> Answer {
    Ok(match serde_json::from_value(question.clone())? {
        Question::Hash { salt, purpose, units } => {
            json!(units.iter().map(|unit| format!("{:016x}", hash(&salt, &purpose, unit))).collect::<Vec<_>>())
        }
        Question::Assign { salt, weights, traffic_millionths, units } => {
            let assignment = Assignment::new(&salt, &weights)?.with_traffic(traffic_millionths)?;
            json!(units.iter().map(|unit| Assigned::variant(assignment.assign(unit))).collect::<Vec<_>>())
        }
        Question::Analyse(declared) => report::json(&declared.analyse()?),
        Question::Proportions { variant, control, alpha } => {
            let of = |(successes, units)| Proportion { successes, units };
            let (variant, control) = (of(variant), of(control));
            let (z, p_value) = pooled_test(variant, control);
            json!({
                "z": z,
                "p_value": p_value,
                "wald": interval(wald(variant, control, alpha)),
                "newcombe": interval(newcombe(variant, control, alpha)),
                "relative": relative_of_few(variant, control, alpha).map(interval),
                "wilson": interval(variant.wilson(alpha)),
            })
        }
        Question::SampleRatio { units, weights } => {
            let ratio = SampleRatio::of(&units, &weights).ok_or("there are no units")?;
            json!([ratio.chi_square, ratio.p_value])
        }
        Question::Adjust { p_values, correction } => json!(correction_of(&correction)?.adjusted(&p_values)),
        Question::Power(asked) => asked.answer()?,
        Question::Tails { normal, student, chi_square } => json!({
            "normal": normal.iter().map(|z| normal_tail(*z)).collect::<Vec<_>>(),
            "normal_quantiles": normal.iter().map(|z| normal_quantile(normal_tail(*z))).collect::<Vec<_>>(),
            "student": student.iter().map(|(t, degrees)| student_tail(*t, *degrees)).collect::<Vec<_>>(),
            "student_quantiles":
                student.iter().map(|(_, degrees)| student_quantile(0.025, *degrees)).collect::<Vec<_>>(),
            "chi_square": chi_square.iter().map(|(x, degrees)| chi_square_tail(*x, *degrees)).collect::<Vec<_>>(),
        }),
    })
}

impl Power {
    fn answer(&self) -> Answer {
        let wanted = Wanted::new(self.alpha, self.power)?;
        let error = self.deviation * ((1.0 + 1.0 / self.ratio) / self.units).sqrt();
        let other_share = self.control_share + self.effect;
        Ok(json!({
            "units_for_means": wanted.units_for_means(self.effect, (self.deviation, self.deviation), self.ratio)?,
            "detectable": wanted.detectable(error),
            "power": wanted.power_of(self.effect, error),
            "units_for_proportions": wanted.units_for_proportions(self.control_share, other_share, self.ratio)?,
            "detectable_proportion": wanted.detectable_proportion(self.control_share, self.units, self.ratio)?,
        }))
    }
}

pub fn correction_of(name: &str) -> Result<Correction, String> {
    match name {
        "none" => Ok(Correction::None),
        "holm" => Ok(Correction::Holm),
        "benjamini_hochberg" => Ok(Correction::BenjaminiHochberg),
        other => Err(format!("there is no correction {other}: write none, holm or benjamini_hochberg")),
    }
}

pub fn interval(interval: Interval) -> [f64; 2] {
    [interval.low, interval.high]
}
