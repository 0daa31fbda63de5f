//! Feature views of a node: what they give is compared with what their histories have, for as long as the node runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use headwater_base::clock::Clock;
use headwater_base::random::Random;
use headwater_deploy::features::compare::Comparison;
use headwater_gateway::Node as _;
use headwater_query::relation::FeatureView;

use super::doors::Doors;
use super::system::Known;

/// How often it is asked whether a look is due.
const ASK: Duration = Duration::from_secs(1);

/// Between two looks at a feature view: so long, and so many times as long as one takes.
const EVERY: Duration = Duration::from_secs(30);
const REST: u32 = 20;

/// Where there was nothing to look at.
const EMPTY: Duration = Duration::from_secs(3);

pub async fn compare(known: Known, doors: Weak<Doors>, clock: Arc<dyn Clock>) {
    let mut draws = Random::new(clock.now_us().unsigned_abs());
    let mut due: BTreeMap<String, Duration> = BTreeMap::new();
    loop {
        tokio::time::sleep(ASK).await;
        let Some(session) = doors.upgrade().map(|doors| doors.session()) else { return };
        let views: Vec<Arc<FeatureView>> = session.sources().relations.feature_views().cloned().collect();
        known.comparisons().retain(|name, looked| views.iter().any(|view| view.name == *name && *view == looked.view));
        for view in views {
            let before = known.comparisons().get(&view.name).cloned();
            let is_due = due.get(&view.name).is_none_or(|due| *due <= clock.elapsed());
            if before.is_some() && !is_due {
                continue;
            }
            let mut looked = before.unwrap_or_else(|| Comparison::new(Arc::clone(&view)));
            let began = clock.elapsed();
            looked.look(&session, clock.now_us(), draws.next_u64()).await;
            let ended = clock.elapsed();
            let every = if looked.entities > 0 { EVERY } else { EMPTY };
            due.insert(view.name.clone(), ended + every.max(ended.saturating_sub(began) * REST));
            known.comparisons().insert(view.name.clone(), looked);
        }
    }
}
