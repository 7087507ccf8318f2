//! placeholder
use crate::facts::Facts;
use model::{Plan, Release, Standing};
/// x
pub struct Refusal {
    /// x
    pub reasons: Vec<String>,
}
/// x
pub fn compile(_: &Release, _: &Standing, _: &Facts) -> Result<Plan, Refusal> {
    Err(Refusal { reasons: vec![] })
}
/// x
pub fn compile_return(_: &Release, _: &Standing, _: &Facts) -> Result<Plan, Refusal> {
    Err(Refusal { reasons: vec![] })
}
