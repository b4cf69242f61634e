//! The service, asked over real connections.

mod api;
mod listen;
mod read;
mod running;
mod site;
mod together;
