// error[E0277]: the trait bound `Sealed: Clone` is not satisfied
use countersign::gate::Sealed;

fn copied<T: Clone>() {}

fn main() {
    copied::<Sealed>();
}
