// error[E0277]: the trait bound `Attested: Sendable` is not satisfied
use countersign::gate::Attested;
use countersign::upstream::{Clusters, send};

async fn forward(clusters: &Clusters, unsealed: Attested) -> bool {
    send(clusters, unsealed).await.is_ok()
}

fn main() {
    let _ = forward;
}
