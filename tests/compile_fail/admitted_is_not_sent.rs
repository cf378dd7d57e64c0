// error[E0277]: the trait bound `Admitted: Sendable` is not satisfied
use countersign::gate::Admitted;
use countersign::upstream::{Clusters, send};

async fn forward(clusters: &Clusters, unsealed: Admitted) -> bool {
    send(clusters, unsealed).await.is_ok()
}

fn main() {
    let _ = forward;
}
