//! One figure of many.

/// The one in the middle; of an even number, the upper of the two.
pub(crate) fn median(figures: &[f64]) -> Option<f64> {
    quantile(figures, 0.5)
}

/// What this share of the figures is below.
pub(crate) fn quantile(figures: &[f64], share: f64) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a position in a list that is in memory"
    )]
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied()
}

/// The smallest and the largest.
pub(crate) fn ends(figures: &[f64]) -> Option<(f64, f64)> {
    let least = figures.iter().copied().min_by(f64::total_cmp)?;
    let most = figures.iter().copied().max_by(f64::total_cmp)?;
    Some((least, most))
}

/// Of two that took turns, how many times the second each first is, round by round.
pub(crate) fn ratios(of: &[f64], against: &[f64]) -> Vec<f64> {
    of.iter().zip(against).map(|(of, to)| of / to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_not_moved_by_one_that_is_far_off() {
        assert_eq!(median(&[3.0, 900.0, 1.0, 2.0, 4.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_tail_is_what_all_but_a_few_are_below() {
        let mut figures = vec![1.0; 999];
        figures.push(50.0);
        assert_eq!(quantile(&figures, 0.5), Some(1.0));
        assert_eq!(quantile(&figures, 0.999), Some(50.0));
        assert_eq!(quantile(&figures, 0.998), Some(1.0));
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The second round was slow for both.
        let ratios = ratios(&[2.0, 20.0, 2.0], &[1.0, 10.0, 1.0]);
        assert_eq!(median(&ratios), Some(2.0));
        assert_eq!(ends(&ratios), Some((2.0, 2.0)));
    }
}
