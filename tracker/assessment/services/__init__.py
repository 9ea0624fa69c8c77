"""An assessor's acts: judging, releasing, adding and striking claims, signing off; and the candidate's answer."""
