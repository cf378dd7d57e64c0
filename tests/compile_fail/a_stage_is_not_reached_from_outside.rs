// error[E0603]: module `seal` is private
fn main() {
    let _ = countersign::gate::seal::seal;
}
