//! Cycles among files: which belong together, and what must be named before what.
//!
//! A file's name is the hash of its contents, and its contents hold the names of what it imports, so files are named after
//! what they import. Files that import each other can only be named together: they are one component. Tarjan's algorithm,
//! without recursion, since a cycle may be as long as a package is large.

/// The strongly connected components of a graph, in levels: a component depends only on ones in earlier levels.
///
/// `edges[i]` are the nodes that `i` depends on. Nodes within a component are ascending, components within a level ascend by
/// their first node.
pub(crate) fn levels(edges: &[Vec<usize>]) -> Vec<Vec<Vec<usize>>> {
    let mut state = State {
        edges,
        order: vec![UNSEEN; edges.len()],
        low: vec![0; edges.len()],
        component: vec![UNSEEN; edges.len()],
        open: Vec::new(),
        seen: 0,
        components: Vec::new(),
    };
    for start in 0..edges.len() {
        if state.order[start] == UNSEEN {
            state.visit(start);
        }
    }
    let State {
        component,
        components,
        ..
    } = state;
    // Components are found dependencies first, so one pass suffices.
    let mut level_of = vec![0; components.len()];
    let mut levels: Vec<Vec<Vec<usize>>> = Vec::new();
    for (index, mut members) in components.into_iter().enumerate() {
        let level = members
            .iter()
            .flat_map(|&node| &edges[node])
            .map(|&node| component[node])
            .filter(|&other| other != index)
            .map(|other| level_of[other] + 1)
            .max()
            .unwrap_or(0);
        level_of[index] = level;
        if levels.len() <= level {
            levels.resize_with(level + 1, Vec::new);
        }
        members.sort_unstable();
        levels[level].push(members);
    }
    for level in &mut levels {
        level.sort_unstable();
    }
    levels
}

const UNSEEN: usize = usize::MAX;

struct State<'e> {
    edges: &'e [Vec<usize>],
    /// When a node was first seen.
    order: Vec<usize>,
    /// The earliest node on the stack that a node leads back to.
    low: Vec<usize>,
    component: Vec<usize>,
    /// Nodes that have no component yet.
    open: Vec<usize>,
    seen: usize,
    components: Vec<Vec<usize>>,
}

impl State<'_> {
    fn visit(&mut self, start: usize) {
        // What recursion would keep: a node, and how many of its edges are done.
        let mut path = vec![(start, 0)];
        self.open(start);
        while let Some((node, done)) = path.last_mut() {
            let node = *node;
            if let Some(&next) = self.edges[node].get(*done) {
                *done += 1;
                if self.order[next] == UNSEEN {
                    self.open(next);
                    path.push((next, 0));
                } else if self.component[next] == UNSEEN {
                    self.low[node] = self.low[node].min(self.order[next]);
                }
                continue;
            }
            path.pop();
            if let Some((parent, _)) = path.last() {
                self.low[*parent] = self.low[*parent].min(self.low[node]);
            }
            if self.low[node] == self.order[node] {
                self.close(node);
            }
        }
    }

    fn open(&mut self, node: usize) {
        self.order[node] = self.seen;
        self.low[node] = self.seen;
        self.seen += 1;
        self.open.push(node);
    }

    /// Everything opened since `node` is one component.
    fn close(&mut self, node: usize) {
        let start = self
            .open
            .iter()
            .rposition(|&open| open == node)
            .unwrap_or(0);
        let members = self.open.split_off(start);
        for &member in &members {
            self.component[member] = self.components.len();
        }
        self.components.push(members);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn levels_put_dependencies_first() {
        // 0 → 1 → 2 ⇄ 3, 2 → 4; 5 alone; 6 → itself.
        let edges = [
            vec![1],
            vec![2],
            vec![3, 4],
            vec![2],
            vec![],
            vec![],
            vec![6],
        ];
        let edges = edges.map(|edges: Vec<usize>| edges).to_vec();
        assert_eq!(
            levels(&edges),
            vec![
                vec![vec![4], vec![5], vec![6]],
                vec![vec![2, 3]],
                vec![vec![1]],
                vec![vec![0]],
            ]
        );
    }

    #[test]
    fn a_long_chain_and_a_long_cycle_need_no_stack() {
        let length = 100_000;
        let chain: Vec<Vec<usize>> = (0..length)
            .map(|node| {
                if node + 1 < length {
                    vec![node + 1]
                } else {
                    vec![]
                }
            })
            .collect();
        assert_eq!(levels(&chain).len(), length);
        let cycle: Vec<Vec<usize>> = (0..length).map(|node| vec![(node + 1) % length]).collect();
        let found = levels(&cycle);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0][0].len(), length);
    }

    proptest! {
        #[test]
        fn components_are_what_mutual_reachability_says(
            edges in prop::collection::vec(prop::collection::vec(0_usize..12, 0..4), 12)
        ) {
            let mut reaches = vec![vec![false; edges.len()]; edges.len()];
            for (start, reached) in reaches.iter_mut().enumerate() {
                let mut stack = vec![start];
                while let Some(node) = stack.pop() {
                    for &next in &edges[node] {
                        if !std::mem::replace(&mut reached[next], true) {
                            stack.push(next);
                        }
                    }
                }
            }
            let levels = levels(&edges);
            let mut place = vec![None; edges.len()];
            for (level, components) in levels.iter().enumerate() {
                for (index, members) in components.iter().enumerate() {
                    for &member in members {
                        prop_assert!(place[member].replace((level, index)).is_none());
                    }
                }
            }
            for a in 0..edges.len() {
                prop_assert!(place[a].is_some());
                for b in 0..edges.len() {
                    let together = a == b || (reaches[a][b] && reaches[b][a]);
                    prop_assert_eq!(place[a] == place[b], together);
                    if reaches[a][b] && !together {
                        prop_assert!(place[b].map(|place| place.0) < place[a].map(|place| place.0));
                    }
                }
            }
        }
    }
}
