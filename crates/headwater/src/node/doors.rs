//! The node as the doors see it.

use std::sync::Arc;

use async_trait::async_trait;
use headwater_gateway::{Node, Outcome, Problem};
use headwater_log::Log;
use headwater_query::session::Session;
use headwater_sql::Parsed;

pub struct Doors {
    id: String,
    session: Session,
    log: Arc<dyn Log>,
}

impl Doors {
    pub fn new(id: String, session: Session, log: Arc<dyn Log>) -> Doors {
        Doors { id, session, log }
    }
}

#[async_trait]
impl Node for Doors {
    fn id(&self) -> &str {
        &self.id
    }

    fn session(&self) -> Session {
        self.session.clone()
    }

    fn log(&self) -> Arc<dyn Log> {
        Arc::clone(&self.log)
    }

    async fn execute(&self, statement: Parsed) -> Result<Outcome, Problem> {
        Ok(Outcome::Rows(self.session.run(&statement).await?))
    }
}
