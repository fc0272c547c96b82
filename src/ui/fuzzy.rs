//! Fuzzy matching for the palette: the letters of the query in order, best where words begin.

/// How well `query` fits `text`; `None` if its letters are not there in order. Larger is better.
pub fn score(query: &str, text: &str) -> Option<i32> {
    let query: Vec<char> = query.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    if query.is_empty() {
        return Some(0);
    }
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let starts = |at: usize| at == 0 || !text[at - 1].is_alphanumeric();
    // best[t]: score of the query up to the present letter with that letter at t.
    let mut best: Vec<Option<i32>> = vec![None; text.len()];
    for (q, letter) in query.iter().enumerate() {
        let mut next = vec![None; text.len()];
        let mut reached: Option<i32> = None;
        for t in 0..text.len() {
            // A gap costs a little, so that letters side by side win.
            let before = if q == 0 { Some(0) } else { reached };
            if text[t] == *letter {
                let beside = (q > 0 && t > 0).then(|| best[t - 1]).flatten().map(|s| s + 6);
                let apart = before.map(|s| s + if starts(t) { 8 } else { 0 });
                next[t] = beside.max(apart).map(|s| s + 2);
            }
            reached = match (reached, best[t]) {
                (Some(a), Some(b)) => Some((a - 1).max(b - 1)),
                (a, b) => a.map(|a| a - 1).or(b.map(|b| b - 1)),
            };
        }
        best = next;
    }
    // Among equals the shorter text is meant.
    best.into_iter().flatten().max().map(|s| s * 8 - text.len().min(64) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_order_match_and_word_beginnings_win() {
        assert!(score("xyz", "Undo").is_none());
        assert!(score("od", "Undo").is_none());
        assert!(score("", "anything").is_some());
        let best = |query: &str, texts: &[&'static str]| {
            texts.iter().copied().filter(|t| score(query, t).is_some()).max_by_key(|t| score(query, t))
        };
        let all =
            ["Undo", "Redo", "Window bone", "Window lung", "Brush", "Larger brush", "Contour stations with DiUnet"];
        assert_eq!(best("undo", &all), Some("Undo"));
        assert_eq!(best("wl", &all), Some("Window lung"));
        assert_eq!(best("brush", &all), Some("Brush"));
        assert_eq!(best("CSD", &all), Some("Contour stations with DiUnet"));
    }
}
