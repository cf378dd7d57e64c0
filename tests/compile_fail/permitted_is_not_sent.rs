// error[E0277]: the trait bound `Permitted: Sendable` is not satisfied
use countersign::gate::Permitted;
use countersign::upstream::{Clusters, send};

async fn forward(clusters: &Clusters, unsealed: Permitted) -> bool {
    send(clusters, unsealed).await.is_ok()
}

fn main() {
    let _ = forward;
}
