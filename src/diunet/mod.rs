//! DiUnet: the network, its files and its inference.
