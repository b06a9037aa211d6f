//! A table in JSON, torn.
