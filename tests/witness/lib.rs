//! What tests watch rmq with. No part of the product.

pub mod image;
pub mod plan;
pub mod recorder;
pub mod scratch;
