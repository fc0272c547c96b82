//! Landmarks and the rules that draw the stations.
