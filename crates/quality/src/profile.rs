//! What the rows of a relation are like.
