//! What happens in the shop, as it is inside: how others see it are [rows](crate::rows).

/// Something that is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its own number; one that is sent twice has the same.
    pub number: u64,
    pub at_us: i64,
    pub arrives_us: i64,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    View(View),
    /// What a broken client sends: no view of anybody's.
    Garbage,
    Cart {
        visit: u64,
        person: u32,
        product: u32,
        quantity: u32,
    },
    /// A person was given one of the checkouts.
    Exposure {
        visit: u64,
        person: u32,
        treatment: bool,
    },
    Order {
        order: u64,
        visit: u64,
        person: u32,
        country: &'static str,
        cents: i64,
        lines: Vec<Line>,
    },
    Payment(Payment),
    /// Whose card it was wants the money back, weeks later.
    Chargeback {
        payment: u64,
    },
    /// An account is made, or reaches a tier.
    Account {
        person: u32,
        is_new: bool,
        tier: &'static str,
        country: &'static str,
        city: &'static str,
    },
    /// A row of a day's product feed. What is broken in it is absent.
    Product {
        product: u32,
        category: Option<&'static str>,
        cents: Option<i64>,
        stock: i64,
    },
    /// A truth: not for those who are to find it.
    Incident(Incident),
}

#[derive(Debug, Clone, PartialEq)]
pub struct View {
    pub visit: u64,
    pub person: u32,
    pub page: Page,
    pub product: Option<u32>,
    pub device: &'static str,
    pub referrer: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    Home,
    Category,
    Product,
    Search,
    Cart,
    Checkout,
    Thanks,
    Error,
}

impl Page {
    pub fn name(self) -> &'static str {
        match self {
            Page::Home => "home",
            Page::Category => "category",
            Page::Product => "product",
            Page::Search => "search",
            Page::Cart => "cart",
            Page::Checkout => "checkout",
            Page::Thanks => "thanks",
            Page::Error => "error",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub product: u32,
    pub quantity: u32,
    pub cents: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    pub payment: u64,
    pub order: u64,
    pub person: u32,
    pub method: &'static str,
    pub cents: i64,
    /// Where the order goes, where the card is from, and where the person sits.
    pub country: &'static str,
    pub card_country: &'static str,
    pub device: &'static str,
    pub paid: bool,
}

/// What the platform is to find.
#[derive(Debug, Clone, PartialEq)]
pub enum Incident {
    /// A visit, as it was. `late`: its events arrived hours later.
    Visit {
        visit: u64,
        person: u32,
        until_us: i64,
        views: u32,
        late: bool,
    },
    /// A person who does not come again, and how likely that was after this visit.
    Left {
        person: u32,
        hazard: f64,
    },
    Fraud {
        payment: u64,
        kind: &'static str,
    },
    Outage {
        until_us: i64,
    },
    BrokenFeed {
        products: u32,
    },
}

impl Event {
    pub fn incident(at_us: i64, incident: Incident) -> Event {
        Event { number: 0, at_us, arrives_us: at_us, what: What::Incident(incident) }
    }
}
