"""The thermal deep-learning machine: a perceptron whose neurons and weights move by molecular dynamics."""
