// error[E0382]: use of moved value: `sealed`
use countersign::gate::Sealed;
use countersign::upstream::{Clusters, send};

async fn forward(clusters: &Clusters, sealed: Sealed) -> bool {
    send(clusters, sealed).await.is_ok() && send(clusters, sealed).await.is_ok()
}

fn main() {
    let _ = forward;
}
