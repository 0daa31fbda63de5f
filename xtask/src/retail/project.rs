//! The views of a project as its files declare them, read without the platform's own parser.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// (name, query) of every materialized view, in the order of files and statements.
pub fn views(project: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    sql_files(project, &mut files)?;
    files.sort();
    let mut views = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        for statement in statements(&text) {
            if let Some(view) = view(&statement).with_context(|| format!("{}", file.display()))? {
                views.push(view);
            }
        }
    }
    if views.is_empty() {
        bail!("{} declares no materialized view", project.display());
    }
    Ok(views)
}

fn sql_files(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() && !path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.')) {
            sql_files(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "sql") {
            files.push(path);
        }
    }
    Ok(())
}

/// Statements without comments, white space folded outside of literals.
fn statements(text: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    let mut characters = text.chars().peekable();
    let mut literal = None;
    while let Some(c) = characters.next() {
        let last = statements.len() - 1;
        let statement = &mut statements[last];
        match (literal, c) {
            (Some(quote), c) => {
                statement.push(c);
                if c == quote {
                    literal = None;
                }
            }
            (None, '\'' | '"') => {
                statement.push(c);
                literal = Some(c);
            }
            (None, '-') if characters.peek() == Some(&'-') => while characters.next_if(|c| *c != '\n').is_some() {},
            (None, ';') => statements.push(String::new()),
            (None, c) if c.is_whitespace() => {
                if !statement.ends_with(' ') {
                    statement.push(' ');
                }
            }
            (None, c) => statement.push(c),
        }
    }
    statements.iter().map(|s| s.trim().to_string()).filter(|s| !s.is_empty()).collect()
}

/// The name and query of `CREATE MATERIALIZED VIEW name … AS query [EMIT …]`.
fn view(statement: &str) -> Result<Option<(String, String)>> {
    const CREATE: &str = "CREATE MATERIALIZED VIEW ";
    let Some(rest) = statement.get(CREATE.len()..).filter(|_| statement[..CREATE.len()].eq_ignore_ascii_case(CREATE))
    else {
        return Ok(None);
    };
    let end = rest.find([' ', '(']).unwrap_or(rest.len());
    let name = rest[..end].to_lowercase();
    let mut depth = 0;
    for (at, c) in rest.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0
            && let Some(query) = rest[at..].strip_prefix(" AS ").or_else(|| rest[at..].strip_prefix(" as "))
        {
            let emitted = query.to_uppercase().find(" EMIT ");
            return Ok(Some((name, query[..emitted.unwrap_or(query.len())].trim().to_string())));
        }
    }
    bail!("view {name} has no query")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_its_name_and_query() {
        let text = "-- one; two\nCREATE STREAM s (a INT);\nCREATE MATERIALIZED VIEW v (\n  CONSTRAINT c EXPECT (a >= 0) \
                    ON VIOLATION QUARANTINE\n) AS\nSELECT ';' AS x, sum(a) -- all\nFROM s\nGROUP BY 1\nEMIT ON WINDOW CLOSE;";
        let found: Vec<_> = statements(text).iter().filter_map(|s| view(s).unwrap()).collect();
        assert_eq!(found, [("v".to_string(), "SELECT ';' AS x, sum(a) FROM s GROUP BY 1".to_string())]);
    }
}
