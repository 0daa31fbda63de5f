//! An order in which each comes after all that it depends on, or the circles that prevent one.

use headwater_sql::{Diagnostic, SourceText, Span};

pub(super) struct Node<'a> {
    pub name: &'a str,
    pub source: &'a SourceText,
}

/// A dependency, and where it is written.
pub(super) struct Edge {
    pub to: usize,
    pub span: Span,
}

/// `edges[n]` are the dependencies of node n. Nodes that are free to choose keep their order.
pub(super) fn dependencies_first(nodes: &[Node<'_>], edges: &[Vec<Edge>]) -> Result<Vec<usize>, Vec<Diagnostic>> {
    let mut placed = vec![false; nodes.len()];
    let mut order = Vec::with_capacity(nodes.len());
    loop {
        let before = order.len();
        for at in 0..nodes.len() {
            if !placed[at] && edges[at].iter().all(|edge| placed[edge.to]) {
                placed[at] = true;
                order.push(at);
            }
        }
        if order.len() == nodes.len() {
            return Ok(order);
        }
        if order.len() == before {
            return Err(circles(nodes, edges, placed));
        }
    }
}

/// Each node that is not placed depends on one that is not: following those leads into a circle. `settled` nodes are
/// not looked at again, so that each circle is told once.
fn circles(nodes: &[Node<'_>], edges: &[Vec<Edge>], mut settled: Vec<bool>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for start in 0..nodes.len() {
        let mut path: Vec<(usize, &Edge)> = Vec::new();
        let mut at = start;
        while !settled[at] {
            settled[at] = true;
            // A dependency that is on the path closes a circle; else any that is open leads on.
            let back = |edge: &&Edge| edge.to == at || path.iter().any(|(node, _)| *node == edge.to);
            let Some(edge) = edges[at].iter().find(back).or_else(|| edges[at].iter().find(|edge| !settled[edge.to]))
            else {
                break;
            };
            path.push((at, edge));
            at = edge.to;
            if let Some(from) = path.iter().position(|(node, _)| *node == at) {
                found.push(circle(nodes, &path[from..]));
                break;
            }
        }
    }
    found
}

fn circle(nodes: &[Node<'_>], path: &[(usize, &Edge)]) -> Diagnostic {
    let (first, edge) = &path[0];
    let mut names: Vec<&str> = path.iter().map(|(node, _)| nodes[*node].name).collect();
    names.push(nodes[*first].name);
    let message = match &path[1..] {
        [] => format!("{} depends on itself", names[0]),
        _ => format!("these depend on each other: {}", names.join(" -> ")),
    };
    let refused = Diagnostic::new(nodes[*first].source.clone(), edge.span, message);
    path[1..].iter().fold(refused, |refused, (node, edge)| {
        let note = format!("{} depends on {} here", nodes[*node].name, nodes[edge.to].name);
        refused.with_related(nodes[*node].source.clone(), edge.span, note)
    })
}
