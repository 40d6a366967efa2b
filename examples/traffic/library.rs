//! The questions, and the documents of the handbook.

use serde::Serialize;

use crate::scene::Scene;

/// A chunk of the handbook, as a vector database returns it.
#[derive(Clone, Serialize)]
pub(crate) struct Document {
    pub(crate) id: &'static str,
    pub(crate) text: &'static str,
    pub(crate) score: f64,
}

/// The answer of a model that refuses.
pub(crate) const REFUSAL: &str = "I'm sorry, but I can't help with that request.";

pub(crate) struct Topic {
    pub(crate) question: &'static str,
    pieces: [(&'static str, &'static str); 3],
}

pub(crate) const TOPICS: [Topic; 4] = [
    Topic {
        question: "How do I return a pair of shoes that does not fit?",
        pieces: [
            ("returns-1", "Shoes can be returned within thirty days if the soles are clean."),
            (
                "returns-2",
                "Print the return label from the orders page and hand the parcel in at any post office.",
            ),
            (
                "returns-3",
                "The refund arrives on the original payment method five working days after we receive it.",
            ),
        ],
    },
    Topic {
        question: "Where is my parcel?",
        pieces: [
            (
                "delivery-1",
                "Standard delivery takes three working days and is tracked from the warehouse on.",
            ),
            (
                "delivery-2",
                "The tracking number is in the second mail, which leaves when the carrier scans the parcel.",
            ),
            (
                "delivery-3",
                "A parcel without a scan for five days counts as lost and is sent again free of charge.",
            ),
        ],
    },
    Topic {
        question: "Can I change the address after ordering?",
        pieces: [
            (
                "orders-1",
                "An address can be changed until the order is packed, usually two hours after payment.",
            ),
            ("orders-2", "After that the carrier redirects a parcel once, through the link in its own mail."),
            ("orders-3", "Orders to parcel lockers cannot be redirected at all."),
        ],
    },
    Topic {
        question: "Why was my card charged twice?",
        pieces: [
            (
                "payments-1",
                "A second line on the statement is usually a reservation that lapses within seven days.",
            ),
            ("payments-2", "When an order ships in two parcels each parcel is charged when it leaves."),
            ("payments-3", "Double charges that stay are refunded by support on the same day."),
        ],
    },
];

/// The result of a search: good documents in general; weak ones or none with the worse prompt, whose queries are worse
/// too.
pub(crate) fn search(topic: &Topic, scene: &mut Scene) -> Vec<Document> {
    let (empty, best) = if scene.has_worse_prompt() { (0.15, 0.58) } else { (0.02, 0.86) };
    if scene.chance(empty) {
        return Vec::new();
    }
    let best = best + scene.between(-0.08, 0.08);
    let step = scene.between(0.03, 0.12);
    let found = topic.pieces.iter().zip([0.0, 1.0, 2.0]);
    let mut found: Vec<_> =
        found.map(|(&(id, text), rank)| Document { id, text, score: best - rank * step }).collect();
    if scene.chance(0.1) {
        found.extend(found.first().cloned()); // indexed twice
    }
    found
}

/// An answer from these documents. A bad one ignores them, repeats itself, or refuses.
pub(crate) fn answer(documents: &[Document], scene: &mut Scene) -> String {
    let (refuses, ignores) = if scene.has_worse_prompt() { (0.12, 0.45) } else { (0.01, 0.06) };
    if documents.is_empty() || scene.chance(refuses) {
        return REFUSAL.to_owned();
    }
    if scene.chance(ignores) {
        let filler = "Thank you for reaching out to our friendly team about this important matter.";
        return [filler; 3].join(" ");
    }
    let quoted = documents.iter().take(2).enumerate();
    quoted.map(|(rank, document)| format!("{} [{}]", document.text, rank + 1)).collect::<Vec<_>>().join(" ")
}

/// The helpfulness of an answer, as an LLM judge would score it.
pub(crate) fn helpfulness(answer: &str, scene: &mut Scene) -> f64 {
    let good = answer.contains("[1]");
    let score: f64 = if good { scene.between(0.7, 1.0) } else { scene.between(0.1, 0.5) };
    (score * 100.0).round() / 100.0
}
