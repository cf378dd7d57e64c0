// error: cannot construct `Sealed` with struct literal syntax due to private fields
use countersign::gate::Sealed;

fn main() {
    let _ = Sealed {
        outbound: todo!(),
        upstream: todo!(),
        deadline: todo!(),
        answer_limit: todo!(),
    };
}
