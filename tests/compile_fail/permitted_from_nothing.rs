// error[E0451]: fields `exchange`, `facts` and `permission` of struct `Permitted` are private
use countersign::gate::Permitted;

fn main() {
    let _ = Permitted {
        exchange: todo!(),
        facts: todo!(),
        permission: todo!(),
    };
}
