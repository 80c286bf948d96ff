//! The model's numbers are the library's, and a small network behaves alike in both.

use libp2p::gossipsub;

use super::{Comparison, Scenario, model, real, real as real_module};
use crate::gossip::parameters as model_parameters;
