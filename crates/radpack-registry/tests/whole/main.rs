//! A whole registry, under everything that can happen to it: sweeps between uploads and commits, a stop at any call of the store,
//! processes that are killed, sixteen writers at once, backups that are damaged, folders that are sent to bring a builder down.

mod backups;
mod children;
mod crashes;
mod drafts;
mod killed;
mod readers;
mod store;
mod sweeps;
mod work;
mod writers;
mod writing;
